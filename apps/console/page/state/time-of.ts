/** A time of day as it is shown: `16:00`, `16:00:05`, `16:00:05.123`. */
const TIME = '(\\d{1,2}):(\\d\\d)(?::(\\d\\d)(?:\\.(\\d{1,3}))?)?';
const TIME_OF_DAY = new RegExp(`^${TIME}$`);
/** With the day, as it is shown: `28 Nov 16:00`, `28 Nov 2026, 16:00`. */
const TIME_OF_A_DAY = new RegExp(`^(\\d{1,2}) ([a-z]{3})[a-z]*(?: (\\d{4}))?,? ${TIME}$`, 'i');
const ISO = /^\d{4}-\d\d-\d\d/;
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

/**
 * The time that a text tells, on the clock of this machine, milliseconds since the Unix epoch; NaN if it tells none. One without a
 * day, or without a year, is the last one that was.
 */
export function timeOf(text: string, now: Date): number {
  if (/^\d{13,15}$/.test(text)) return Number(text);
  const [isOfDay, ...time] = TIME_OF_DAY.exec(text) ?? [];
  if (isOfDay !== undefined) {
    const today = dateOf(now.getFullYear(), now.getMonth(), now.getDate(), time);
    return today.getTime() <= now.getTime()
      ? today.getTime()
      : dateOf(now.getFullYear(), now.getMonth(), now.getDate() - 1, time).getTime();
  }
  const [isOfADay, day, month = '', year, ...timeOfDay] = TIME_OF_A_DAY.exec(text) ?? [];
  if (isOfADay === undefined) return ISO.test(text) ? Date.parse(text.replace(' ', 'T')) : Number.NaN;
  const index = MONTHS.indexOf(month.toLowerCase());
  if (index === -1) return Number.NaN;
  const inYear = (of: number) => dateOf(of, index, Number(day), timeOfDay).getTime();
  if (year !== undefined) return inYear(Number(year));
  const thisYear = inYear(now.getFullYear());
  return thisYear <= now.getTime() ? thisYear : inYear(now.getFullYear() - 1);
}

function dateOf(year: number, month: number, day: number, time: readonly (string | undefined)[]): Date {
  const [hours, minutes, seconds = '0', fraction = '0'] = time;
  return new Date(
    year,
    month,
    day,
    Number(hours),
    Number(minutes),
    Number(seconds),
    Number(fraction.padEnd(3, '0')),
  );
}
