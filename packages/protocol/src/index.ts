export type { About } from './about.js';
export { type ChannelAddress, parseChannel } from './channel.js';
export {
  ERRORS,
  type ErrorBody,
  type ErrorCode,
  EventsError,
  type EventsErrorOptions,
  isRetryable,
} from './errors.js';
export type { Event, EventData, EventHeader, EventInput } from './event.js';
export type { IndexDefinition, ReadIndexReply } from './index-definition.js';
export {
  DEFAULT_LIMIT,
  FIRST_TIME_MS,
  MAX_BATCH_EVENTS,
  MAX_CURSORS,
  MAX_DELAY_MS,
  MAX_IDEMPOTENCY_KEY_LENGTH,
  MAX_LEASE_MS,
  MAX_REASON_LENGTH,
  MAX_REDACTIONS,
  MAX_SETTLEMENTS,
  MAX_STREAM_CHANNELS,
} from './limits.js';
export {
  MAX_METADATA_BYTES,
  MAX_METADATA_ENTRIES,
  METADATA_NAME_PATTERN,
  type Metadata,
  metadataProblem,
} from './metadata.js';
export { MAX_NAME_LENGTH, NAME_PATTERN } from './name-rule.js';
export {
  API_PREFIX,
  CURSOR_SHARED_HEADER,
  EPOCH_HEADER,
  EPOCH_PATTERN,
  FIRST_ID_HEADER,
  IDEMPOTENCY_KEY_HEADER,
  INSTANCE_HEADER,
  LAST_ID_HEADER,
  REWOUND_EVENT,
  REWOUND_HEADER,
} from './paths-and-headers.js';
export { ACTIONS, type Action, MAX_TOKEN_LENGTH, RIGHTS_TYPE, TOKEN_COOKIE } from './rights.js';
export { parseStart, parseTime, START_RULE, type Start, startExpected, TIME_RULE } from './start.js';
