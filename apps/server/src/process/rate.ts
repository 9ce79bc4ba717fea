import { readDuration } from './duration.js';

/** At most so many in each window. */
export interface Rate {
  readonly count: number;
  readonly windowMs: number;
}

/** The rate of a text such as `200/1s` or `5000/1m`, of at most a day; undefined if it is something else. */
export function readRate(text: string): Rate | undefined {
  const [, count = '', window = ''] = /^([1-9]\d{0,8})\/(\w+)$/.exec(text) ?? [];
  const windowMs = readDuration(window);
  return windowMs === undefined || windowMs > 86_400_000 ? undefined : { count: Number(count), windowMs };
}
