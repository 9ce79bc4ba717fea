const NUMBER = new Intl.NumberFormat('en');
const RATE = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });
const TIME = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const DAY = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });

export const formatNumber = (value: number) => NUMBER.format(value);

/** Of something that happens so often in a second. */
export const formatRate = (perSecond: number) =>
  perSecond > 0 && perSecond < 0.1 ? '< 0.1' : RATE.format(perSecond);

/** `1 event`, `2,000 events` */
export const count = (n: number, one: string, many = `${one}s`) =>
  `${formatNumber(n)} ${n === 1 ? one : many}`;

const UNITS: readonly [ms: number, name: string][] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1_000, 's'],
];

/** A duration in its largest unit: `3 min`. */
export function formatDuration(ms: number): string {
  const unit = UNITS.find(([least]) => ms >= least);
  return unit === undefined ? `${Math.max(0, Math.round(ms))} ms` : `${Math.floor(ms / unit[0])} ${unit[1]}`;
}

/** How long ago a time was; `now` is one that is told once a second. */
export const formatAgo = (timestamp: number, now: number) =>
  now - timestamp < 1_500 ? 'just now' : `${formatDuration(now - timestamp)} ago`;

/** The time of day with milliseconds; with the day if that is not today. */
export function formatTime(timestamp: number): string {
  const date = new Date(timestamp);
  const time = `${TIME.format(date)}.${`${date.getMilliseconds()}`.padStart(3, '0')}`;
  return date.toDateString() === new Date().toDateString() ? time : `${DAY.format(date)} ${time}`;
}

/** Day and time in full, as a person of this machine reads them. */
export const formatFullTime = (timestamp: number) =>
  `${new Date(timestamp).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'medium' })}`;
