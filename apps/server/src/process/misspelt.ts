import { SETTINGS } from './config.js';

/** Shorter names are too near to those of other programs. */
const SHORTEST = 6;
/** A long name may have two letters wrong, a short one only one. */
const LONG = 9;

/** One warning for each variable of the environment that is nearly one of ours, and so sets nothing. */
export function misspeltVariables(env: Readonly<Record<string, string | undefined>>): string[] {
  const ours = Object.values(SETTINGS).map((setting) => setting.env);
  const names = Object.keys(env).filter(
    (name) => name.length >= SHORTEST && !(ours as string[]).includes(name),
  );
  return names.flatMap((name) => {
    const meant = ours.find((our) => isNear(plain(name), plain(our)));
    return meant === undefined ? [] : [`${name} is no setting and is ignored; was ${meant} meant?`];
  });
}

/** Case, underscores and a unit at the end make no difference. */
function plain(name: string): string {
  return name
    .toUpperCase()
    .replace(/_(?:MS|S|SECONDS)$/, '')
    .replaceAll('_', '');
}

function isNear(name: string, our: string): boolean {
  if (our.length < SHORTEST) return name === our;
  return distance(name, our) <= (our.length >= LONG ? 2 : 1);
}

/** How many letters are missing, too many, wrong or exchanged with the next (optimal string alignment). */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  const at = (i: number, j: number) => rows[i]?.[j] ?? Number.POSITIVE_INFINITY;
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= b.length; j += 1) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      row.push(Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + cost));
      const exchanged = i > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (exchanged) row[j] = Math.min(at(i, j), at(i - 2, j - 2) + 1);
    }
  }
  return at(a.length, b.length);
}
