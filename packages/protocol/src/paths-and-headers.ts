/** What every path begins with. */
export const API_PREFIX = '/events/v1';

/** On every read: the id of the oldest event that the channel keeps, 0 if there is none. */
export const FIRST_ID_HEADER = 'Events-First-Id';

/** On every read: the newest id that was given in the channel, 0 if there is none. */
export const LAST_ID_HEADER = 'Events-Last-Id';

/**
 * On every read: the epoch of the last event of the answer, or of the end of the channel if it has none. To be sent as
 * `epoch` with the cursor behind it: a store that came back older, and has given its id to another event since, then knows.
 */
export const EPOCH_HEADER = 'Events-Epoch';

/** What an epoch is made of. */
export const EPOCH_PATTERN = /^[A-Za-z0-9._-]{1,100}$/;

/**
 * On a read whose cursor had seen events that the store no longer has, since it came back older: `<after that was sent, or
 * saved>; <after that is used>`.
 */
export const REWOUND_HEADER = 'Events-Rewound';

/** The name of the message of an event stream that says the same. */
export const REWOUND_EVENT = 'events-rewound';

/** On reads and acknowledgements: which of the processes of a `clientId` asks; any text that is its own. */
export const INSTANCE_HEADER = 'Events-Instance';

/** On a read: `true` if other processes move the saved cursor too. */
export const CURSOR_SHARED_HEADER = 'Events-Cursor-Shared';

/** On a publish that may be sent again: what has the same (clientId, channel, key) is stored once. */
export const IDEMPOTENCY_KEY_HEADER = 'Idempotency-Key';
