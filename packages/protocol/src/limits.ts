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

/** Most settlements in one request. */
export const MAX_SETTLEMENTS = 10_000;

/** Longest lease of an event that was handed out, milliseconds: a day. */
export const MAX_LEASE_MS = 86_400_000;

/** Longest delay until an event is handed out again, milliseconds: a week. */
export const MAX_DELAY_MS = 604_800_000;

/** Longest reason that a worker gives, in characters. */
export const MAX_REASON_LENGTH = 1_000;

/** Most events in one redaction. */
export const MAX_REDACTIONS = 1_000;

/** A number that may be an id or a time is a time from here on, milliseconds since the Unix epoch: in September 2001. */
export const FIRST_TIME_MS = 1_000_000_000_000;
