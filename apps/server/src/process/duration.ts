const UNITS_MS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** The milliseconds of a text such as `30d`: an integer from 1 and s, m, h, d or w. Undefined if it is something else. */
export function readDuration(text: string): number | undefined {
  const [, count = '', unit = ''] = /^([1-9]\d{0,6})([smhdw])$/.exec(text) ?? [];
  const unitMs = UNITS_MS[unit];
  return unitMs === undefined ? undefined : Number(count) * unitMs;
}
