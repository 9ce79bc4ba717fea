/** Characters of a text that a message shows. */
const SHOWN = 60;

/** What came, for a message that says what was expected: short, and nothing of what is in it. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object';
  const text = JSON.stringify(value);
  return text.length <= SHOWN ? text : `${text.slice(0, SHOWN)}… (${text.length - 2} characters)`;
}
