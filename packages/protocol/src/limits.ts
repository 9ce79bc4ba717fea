/** How many events a read returns if it does not say. */
export const DEFAULT_LIMIT = 100;

/** Most events in one publish. */
export const MAX_BATCH_EVENTS = 1_000;

/** Longest idempotency key, in characters. */
export const MAX_IDEMPOTENCY_KEY_LENGTH = 255;

/** Most channels in one event stream. */
export const MAX_STREAM_CHANNELS = 100;

/** Most cursors in one request. */
export const MAX_CURSORS = 10_000;
