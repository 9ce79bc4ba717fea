/** What every path begins with. */
export const API_PREFIX = '/events/v1';

/** On every read: the id of the oldest event that the channel keeps, 0 if there is none. */
export const FIRST_ID_HEADER = 'Events-First-Id';

/** On every read: the newest id that was given in the channel, 0 if there is none. */
export const LAST_ID_HEADER = 'Events-Last-Id';

/** On a publish that may be sent again: what has the same (clientId, channel, key) is stored once. */
export const IDEMPOTENCY_KEY_HEADER = 'Idempotency-Key';
