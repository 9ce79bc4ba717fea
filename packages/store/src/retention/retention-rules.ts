import { parseChannel } from '@ganomede/events-protocol';

/** What a channel keeps. */
export interface KeptLimits {
  /** Age after which an event is dropped, milliseconds; 0 for never. */
  readonly maxAgeMs: number;
  /** The newest so many are kept; 0 for all. */
  readonly maxEvents: number;
}

/** What each channel keeps: what its most specific pattern says, a name before beginnings of names and the longest of those, else `others`. */
export class RetentionRules {
  readonly #others: KeptLimits;
  readonly #names = new Map<string, KeptLimits>();
  /** The longest first. */
  readonly #beginnings: (readonly [beginning: string, limits: KeptLimits])[] = [];
  /** Every age that some channel keeps events for, milliseconds. */
  readonly agesMs: ReadonlySet<number>;
  /** Whether every channel keeps everything. */
  readonly keepsAll: boolean;

  /** `patterns`: by the name of a channel, or by what names begin with and a `*`. */
  constructor(others: KeptLimits, patterns: ReadonlyMap<string, KeptLimits> = new Map()) {
    this.#others = others;
    for (const [pattern, limits] of patterns) {
      if (pattern.endsWith('*')) this.#beginnings.push([pattern.slice(0, -1), limits]);
      else this.#names.set(pattern, limits);
    }
    this.#beginnings.sort(([a], [b]) => b.length - a.length);
    const all = [others, ...patterns.values()];
    this.agesMs = new Set(all.map(({ maxAgeMs }) => maxAgeMs).filter((ageMs) => ageMs > 0));
    this.keepsAll = all.every(isUnlimited);
  }

  of(channel: string): KeptLimits {
    const named = this.#names.get(channel);
    if (named !== undefined) return named;
    for (const [beginning, limits] of this.#beginnings) if (channel.startsWith(beginning)) return limits;
    return this.#others;
  }
}

/** Whether nothing is dropped. */
export function isUnlimited({ maxAgeMs, maxEvents }: KeptLimits): boolean {
  return maxAgeMs === 0 && maxEvents === 0;
}

/** @throws RangeError if no channel can have the name, or begin with it */
export function checkPattern(pattern: string, typedChannels: boolean): void {
  const star = pattern.indexOf('*');
  const { type } = parseChannel(pattern, typedChannels);
  if (pattern !== '' && (star === -1 || star === pattern.length - 1) && type === undefined) return;
  throw new RangeError(
    `Invalid retention.channels: expected whole channels, names or what they begin with and one *, got ${JSON.stringify(pattern)}`,
  );
}
