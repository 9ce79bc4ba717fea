export { BatchPublishBody, BatchPublishReply, MAX_BATCH_EVENTS } from './batch.js';
export { type ChannelAddress, ChannelName, ClientId, parseChannel } from './channel.js';
export { After, Before, Cursor, DEFAULT_LIMIT, Limit } from './cursor.js';
export { ERRORS, ErrorBody, type ErrorCode, EventsError, type EventsErrorOptions } from './errors.js';
export {
  Event,
  EventData,
  EventFrom,
  EventHeader,
  EventId,
  EventInput,
  EventType,
  Timestamp,
} from './event.js';
export { IDEMPOTENCY_KEY_HEADER, IdempotencyKey, MAX_IDEMPOTENCY_KEY_LENGTH } from './idempotency.js';
export {
  CreateIndexBody,
  CreateIndexReply,
  IndexDefinition,
  IndexField,
  IndexId,
  IndexValue,
  ListIndicesQuery,
  ListIndicesReply,
  ReadIndexParams,
  ReadIndexQuery,
  ReadIndexReply,
} from './index-definition.js';
export { LatestQuery } from './latest.js';
export { MAX_NAME_LENGTH } from './name.js';
export {
  API_PREFIX,
  FIRST_ID_HEADER,
  LAST_ID_HEADER,
  MAX_STREAM_CHANNELS,
  PublishBody,
  PublishReply,
  ReadQuery,
  ReadReply,
  Secret,
} from './requests.js';
