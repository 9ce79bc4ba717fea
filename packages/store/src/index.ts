export { type ChannelPosition, EventBatch, MAX_BATCH_BYTES } from './event-batch.js';
export type {
  AppendOptions,
  EventStore,
  Idempotency,
  IndexCursor,
  IndexRows,
  LatestCursor,
  PollListener,
  PollOptions,
  PollSignal,
  ReadCursor,
  Retention,
  StoreHooks,
  StoreOptions,
} from './event-store.js';
export { type GroupLimits, GroupQueue, GroupQueues } from './group-queue.js';
export {
  type IdempotencyMark,
  idempotencyKeyReused,
  idempotencyMark,
  idempotencyWindow,
} from './idempotency.js';
export { checkSameIndex, sortIndices } from './index-definition.js';
export {
  INDEX_STEP,
  type IndexEntry,
  IndexReader,
  type IndexStep,
  type IndexStorage,
} from './index-reader.js';
export { indexedValue, indexKey } from './index-value.js';
export { LiveChannel, LiveChannels, type Subscriptions } from './live-channels.js';
export { LiveTail, type TailEvent } from './live-tail.js';
export { type NewEvent, newEvents } from './new-events.js';
export { type PollSource, poll, storeClosed } from './poll.js';
export { dropsAnything, sweepIntervalMs, tooMany } from './retention.js';
export { Waiter, Waiters } from './waiters.js';
