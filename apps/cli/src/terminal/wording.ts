const NUMBER = new Intl.NumberFormat('en');

/** 1,234 */
export const number = (n: number): string => NUMBER.format(n);

/** `1 event`, `1,234 events`. */
export function counted(n: number, noun: string): string {
  return `${number(n)} ${noun}${n === 1 ? '' : 's'}`;
}

/** `id 7`, `ids 7 to 9`. */
export function idsBetween(first: number, last: number): string {
  return first === last ? `id ${first}` : `ids ${first} to ${last}`;
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
] as const;

/** A duration in its largest unit: `3 min`. Below a second in milliseconds. */
export function duration(ms: number): string {
  const [unit, size] = UNITS.find(([, size]) => ms >= size) ?? ['ms', 1];
  return `${number(Math.floor(ms / size))} ${unit}`;
}

/** `2026-11-28 16:00:00.123`, where the terminal is. */
export function localTime(timestamp: number): string {
  const date = new Date(timestamp);
  if (Number.isNaN(date.getTime())) return String(timestamp);
  const local = new Date(timestamp - date.getTimezoneOffset() * 60_000);
  return local.toISOString().replace('T', ' ').replace('Z', '');
}

/** `orders`, in quotes if it could be taken for more than a name. */
export function named(name: string): string {
  return /^[\w./:@*-]+$/.test(name) ? name : JSON.stringify(name);
}
