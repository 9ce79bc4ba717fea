import { checkPattern, type KeptLimits, RetentionRules } from './retention/retention-rules.js';

/** Seams for tests that force a race by construction. Not for production use. */
export interface StoreHooks {
  /** Awaited by a poll that has found nothing, right before it starts waiting. */
  readonly beforeWait?: (channel: string) => void | Promise<void>;
}

/** Which events a channel forgets. Ids go on counting, whatever is forgotten. */
export interface ChannelRetention {
  /**
   * Events older than so many milliseconds are dropped, in channels that nothing is appended to as well, soon
   * after: within a tenth of the age, but not more often than once a second and at least once a minute. The first ten minutes
   * after the store was opened (or the age, if it is shorter) nothing is dropped for its age, and a clock that jumps forward is not
   * believed for a day (likewise).
   */
  readonly maxAgeMs?: number | undefined;
  /** The newest so many events of a channel are kept; up to a tenth more may be for a while. */
  readonly maxEvents?: number | undefined;
}

/** What channels forget that no pattern is for, and what others do. */
export interface Retention extends ChannelRetention {
  /**
   * By the name of a whole channel, or by what names begin with and a `*` (`logs/*`). Of a channel the most specific one counts, and
   * that alone: its name, or else the longest beginning; what it does not limit is kept, as `{}` keeps everything.
   */
  readonly channels?: Readonly<Record<string, ChannelRetention>> | undefined;
}

/** What every store accepts when it is opened. */
export interface StoreOptions {
  /** Whether `channel:type` reads one type of a channel (default), or every name is one opaque channel. */
  readonly typedChannels?: boolean;
  /** Default: everything is kept. */
  readonly retention?: Retention;
  /** How long an idempotency key is remembered after its append, milliseconds, an integer from 1. Default 600 000. */
  readonly idempotencyWindowMs?: number | undefined;
  readonly hooks?: StoreHooks;
}

const DEFAULT_IDEMPOTENCY_WINDOW_MS = 600_000;

/** Options with their defaults. */
export interface StoreSettings {
  readonly typedChannels: boolean;
  readonly retention: RetentionRules;
  readonly idempotencyWindowMs: number;
  readonly hooks: StoreHooks;
}

/** @throws RangeError if an option is invalid */
export function resolveOptions(options: StoreOptions): StoreSettings {
  const { typedChannels = true, retention = {}, hooks = {} } = options;
  const { idempotencyWindowMs = DEFAULT_IDEMPOTENCY_WINDOW_MS } = options;
  checkInteger('idempotencyWindowMs', idempotencyWindowMs, 1);
  const rules = resolveRetention(retention, typedChannels);
  return { typedChannels, retention: rules, idempotencyWindowMs, hooks };
}

function resolveRetention({ channels, ...others }: Retention, typedChannels: boolean): RetentionRules {
  const patterns = new Map<string, KeptLimits>();
  for (const [pattern, kept] of Object.entries(channels ?? {})) {
    checkPattern(pattern, typedChannels);
    patterns.set(pattern, resolveLimits(`retention.channels[${JSON.stringify(pattern)}]`, kept));
  }
  return new RetentionRules(resolveLimits('retention', others), patterns);
}

function resolveLimits(name: string, kept: ChannelRetention): KeptLimits {
  const maxAgeMs = kept.maxAgeMs ?? 0;
  const maxEvents = kept.maxEvents ?? 0;
  checkInteger(`${name}.maxAgeMs`, maxAgeMs, 0);
  checkInteger(`${name}.maxEvents`, maxEvents, 0);
  return { maxAgeMs, maxEvents };
}

function checkInteger(name: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new RangeError(`Invalid ${name}: expected an integer from ${least}, got ${value}`);
}
