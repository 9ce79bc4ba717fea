/** What is about an event and not in it: `traceparent`, a content type, a business key. Names and texts, stored as they come. */
export type Metadata = Record<string, string>;

/** Most entries of one event. */
export const MAX_METADATA_ENTRIES = 32;

/** Most bytes of all names and texts of one event together, in UTF-8. */
export const MAX_METADATA_BYTES = 4_096;

/** What the name of an entry is made of. */
export const METADATA_NAME_PATTERN = /^[a-z0-9._-]{1,64}$/;

/** What is wrong with something as metadata: what was expected, and what came. Undefined: nothing. */
export function metadataProblem(metadata: unknown): string | undefined {
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) {
    const got = Array.isArray(metadata) ? 'an array' : metadata === null ? 'null' : typeof metadata;
    return `expected a flat object of strings, got ${got}`;
  }
  const entries = Object.entries(metadata);
  if (entries.length > MAX_METADATA_ENTRIES) {
    return `expected at most ${MAX_METADATA_ENTRIES} entries, got ${entries.length}`;
  }
  let bytes = 0;
  for (const [name, text] of entries) {
    if (!METADATA_NAME_PATTERN.test(name)) {
      return `expected names of 1 to 64 characters of a-z 0-9 . _ -, got ${JSON.stringify(name.slice(0, 65))}`;
    }
    if (typeof text !== 'string') {
      return `expected a string as ${JSON.stringify(name)}, got ${text === null ? 'null' : typeof text}`;
    }
    bytes += name.length + utf8Length(text);
  }
  if (bytes <= MAX_METADATA_BYTES) return undefined;
  return `expected at most ${MAX_METADATA_BYTES} bytes of names and texts in all, got ${bytes}`;
}

/** Not `Buffer`: this runs anywhere. */
function utf8Length(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    // Each half of a pair is two of its four bytes.
    length += unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 1 : 2;
  }
  return length;
}
