export type {
  AnyChannels,
  AnyEvent,
  ChannelOf,
  Cycle,
  EventName,
  Incoming,
  ListenerOf,
  Outgoing,
  SpecialName,
} from './channel-map.js';
export { Client, type SendCallback } from './client.js';
export { Cursor, type CursorPosition, type CursorQuery } from './cursor.js';
export { RequestError } from './errors.js';
export type { ClientOptions } from './options.js';
