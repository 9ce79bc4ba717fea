export {
  type ChannelAddress,
  ChannelName,
  ClientId,
  MAX_NAME_LENGTH,
  parseChannel,
} from './channel.js';
export { After, Cursor, DEFAULT_LIMIT, Limit } from './cursor.js';
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
