/** Seams for tests that force a race by construction. Not for production use. */
export interface StoreHooks {
  /** Awaited by a poll that has found nothing, right before it starts waiting. */
  readonly beforeWait?: (channel: string) => void | Promise<void>;
}

/** Which events a channel forgets. Ids go on counting, whatever is forgotten. */
export interface Retention {
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
  /** Milliseconds; 0 for never. */
  readonly maxAgeMs: number;
  /** 0 for all. */
  readonly maxEvents: number;
  readonly idempotencyWindowMs: number;
  readonly hooks: StoreHooks;
}

/** @throws RangeError if an option is invalid */
export function resolveOptions(options: StoreOptions): StoreSettings {
  const { typedChannels = true, retention = {}, hooks = {} } = options;
  const { idempotencyWindowMs = DEFAULT_IDEMPOTENCY_WINDOW_MS } = options;
  const maxAgeMs = retention.maxAgeMs ?? 0;
  const maxEvents = retention.maxEvents ?? 0;
  checkInteger('idempotencyWindowMs', idempotencyWindowMs, 1);
  checkInteger('retention.maxAgeMs', maxAgeMs, 0);
  checkInteger('retention.maxEvents', maxEvents, 0);
  return { typedChannels, maxAgeMs, maxEvents, idempotencyWindowMs, hooks };
}

function checkInteger(name: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new RangeError(`Invalid ${name}: expected an integer from ${least}, got ${value}`);
}
