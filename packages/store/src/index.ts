export { type ChannelPosition, EventBatch } from './event-batch.js';
export type { EventStore, PollOptions, ReadCursor, StoreHooks, StoreOptions } from './event-store.js';
export { eventText } from './event-text.js';
export { LiveChannel, LiveChannels, type Subscriptions } from './live-channels.js';
export { LiveTail, type TailEvent } from './live-tail.js';
export { type PollSource, poll, storeClosed } from './poll.js';
export { Waiters } from './waiters.js';
