export { About } from './about.js';
export { Append, AppendsBody, AppendsReply } from './appends.js';
export {
  DeleteChannelQuery,
  ListChannelsQuery,
  ListChannelsReply,
  RedactBody,
  RedactReply,
  TrimChannelBody,
  TrimChannelReply,
} from './channels.js';
export { CloudEvent, CloudEvents, CloudEventsQuery } from './cloud-event.js';
export { DeleteConsumerQuery, ListConsumersQuery, ListConsumersReply } from './consumers.js';
export { CursorsBody, CursorsReply, FindCursorQuery, FindCursorReply, SeenCursor } from './cursors.js';
export { ErrorBody } from './error-body.js';
export { Event, EventHeader, EventInput } from './event.js';
export {
  DeleteGroupQuery,
  DeleteGroupReply,
  GroupState,
  ListGroupsQuery,
  ListGroupsReply,
  ReceiveBody,
  ReceiveReply,
  RedriveBody,
  RedriveReply,
  SaveGroupBody,
  SaveGroupReply,
  SettleBody,
  Settlement,
  SettleReply,
} from './groups.js';
export {
  CreateIndexBody,
  CreateIndexReply,
  IndexDefinition,
  ListIndicesQuery,
  ListIndicesReply,
  ReadIndexParams,
  ReadIndexQuery,
  ReadIndexReply,
} from './indices.js';
export { ChannelName, ClientId } from './names.js';
export {
  BatchPublishBody,
  BatchPublishReply,
  IdempotencyKey,
  PublishBody,
  PublishReply,
} from './publish.js';
export { LatestQuery, ReadQuery, ReadReply } from './read.js';
export { AuthorizationDetail } from './rights.js';
export { StreamCursor, StreamLine, StreamsBody } from './streams.js';
