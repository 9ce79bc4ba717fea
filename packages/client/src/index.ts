import './async-disposable.js';

/** The endpoints, one function each: for tools that look after a server. */
export * as api from './api.js';
export type {
  AnyChannels,
  AnyEvent,
  ChannelOf,
  Cycle,
  EventName,
  EventOf,
  Incoming,
  ListenerOf,
  Outgoing,
  SpecialName,
} from './channel-types.js';
export { Client, type SendCallback, type SendOptions } from './client.js';
export type { CursorPosition, CursorQuery } from './cursor.js';
export { CycleCursor as Cursor } from './cycle-cursor.js';
export type { EnvironmentOptions } from './environment-options.js';
export { type ReportedPosition, RequestError } from './errors.js';
export type { GroupSettings, GroupState } from './group-settings.js';
export type { Delivery } from './held-event.js';
export {
  type GetIndexEventsResult,
  type IndexEvents,
  IndexerClient,
  type IndexerClientOptions,
} from './indexer-client.js';
export type { ClientOptions } from './options.js';
export type { Callback } from './send-callback.js';
export type { EventStream, StreamOptions } from './stream.js';
export type { TokenOption } from './token.js';
export type { Worker, WorkerListeners, WorkHandler, WorkOptions } from './worker.js';
