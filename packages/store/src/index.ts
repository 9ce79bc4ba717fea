export { Batcher, Batchers, type BatchLimits } from './batcher.js';
export { SteadyClock } from './clock/steady-clock.js';
export { SETTLED_MS, Timestamps } from './clock/timestamps.js';
export { type ConsumerCursor, epochAt } from './consumer-cursor.js';
export { byBytes, FirstClients } from './consumers/first-clients.js';
export type { ConsumerState } from './consumers/list-consumers.js';
export type { ListedCursor, SavedCursor } from './consumers/saved-cursor.js';
export {
  type AppendOptions,
  EventStore,
  type GroupDescription,
  type LatestCursor,
  openEventStore,
  type ReceiveOptions,
  STORE_CALLS,
  type StoreCall,
  type StoreObserver,
  storeClosed,
  type WorkerSettlement,
} from './event-store.js';
export { Epochs, type NewEpoch, UNNOTED } from './events/epochs.js';
export {
  boundsOf,
  type ChannelBounds,
  EventPage,
  MAX_PAGE_BYTES,
  NO_BOUNDS,
  textsOfPage,
} from './events/event-page.js';
export { eventText, headerOf } from './events/event-text.js';
export { filedType } from './events/filed-type.js';
export type { Idempotency } from './events/idempotency.js';
export type { SerialisedEvent } from './events/serialise.js';
export type { FoundStart } from './find-start.js';
export type { RedactedEvent } from './forgetting/redact-events.js';
export { type Redaction, redactedHead, redactedText } from './forgetting/redaction.js';
export type { KeptEvents, TrimPoint } from './forgetting/trim-channel.js';
export { DEAD_LETTER_WINDOW_MS, type DeadLetterData } from './groups/dead-letters.js';
export type { Delivery, ReceivedEvent } from './groups/dispatcher.js';
export type {
  EntryRecord,
  GroupOrder,
  GroupRecord,
  GroupRecordKind,
  GroupRecordKinds,
  GroupRecords,
  OrderedEvent,
  ValueRecord,
} from './groups/group-records.js';
export {
  DEFAULT_GROUP_SETTINGS,
  GROUP_LIMITS,
  NO_DEAD_LETTERS,
  unknownGroup,
} from './groups/group-settings.js';
export { orderedEntries, restoreGroup, snapshotOfGroup } from './groups/group-snapshot.js';
export {
  buryInGroup,
  type GroupChannel,
  type GroupClock,
  redriveInGroup,
  type Stepped,
  saveGroup,
  stateOfGroup,
  workInGroup,
} from './groups/group-step.js';
export {
  BURIAL_MS,
  type BuriedEvent,
  type DyingEvent,
  type FoundEvents,
  type GroupScope,
  type GroupSettings,
  type GroupState,
  type GroupStorage,
  type GroupWork,
  type GroupWorked,
  LEASE_ENDED,
  MAX_DYING,
  MAX_ENDED,
  MAX_HELD_BACK,
  type Settlement,
  type Take,
  type TakenEvent,
} from './groups/group-storage.js';
export type { Received } from './groups/receive.js';
export {
  INDEX_STEP,
  type IndexCursor,
  type IndexRows,
  type ReadIndexOptions,
} from './indices/index-reader.js';
export type { ChannelRange, ChannelState } from './list-channels.js';
export type { ChannelRetention, Retention, StoreHooks, StoreOptions } from './options.js';
export { excess } from './retention/excess.js';
export { type FutureMark, futureMark, isTooOld } from './retention/future-mark.js';
export type {
  Append,
  AppendCondition,
  AppendOutcome,
  ChannelEnd,
  ChannelScope,
  ChannelStorage,
  ConsumerScope,
  CursorStorage,
  IdempotencyRecord,
  IndexEntry,
  IndexScope,
  IndexStep,
  IndexStorage,
  PlacedCursor,
  Scan,
  Storage,
  StorageListener,
  Subscriptions,
  TailEvent,
  TrimLimits,
  Unseen,
} from './storage.js';
export type { BackupTotal, BackupTrailer } from './transfer/backup-format.js';
export {
  digestStore,
  exportStore,
  type TransferOptions,
  type TransferProgress,
} from './transfer/export-store.js';
export { type FiledTypes, MergedTypes } from './transfer/filed-types.js';
export { type ImportOptions, type ImportResult, importStore } from './transfer/import-store.js';
export { type ImportedUpTo, importedEpochs } from './transfer/imported-epochs.js';
export { newOfPart } from './transfer/new-of-part.js';
export { type BackupSource, checkBackup } from './transfer/read-backup.js';
export {
  type GroupEntry,
  type GroupSnapshot,
  IMPORT_STEP,
  type ImportedCounts,
  type ImportedEvent,
  type ImportedPart,
  MAX_GAP,
  type TransferStorage,
} from './transfer/transfer-storage.js';
export { Poll, type ReadCursor } from './waiting/poll.js';
export type { PollOptions } from './waiting/promised-poll.js';
export { Roster, type RosterMember } from './waiting/roster.js';
