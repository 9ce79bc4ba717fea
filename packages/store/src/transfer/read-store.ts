import { EventsError, type IndexDefinition } from '@ganomede/events-protocol';
import type { ListedCursor } from '../consumers/saved-cursor.js';
import { Epochs } from '../events/epochs.js';
import { headerOf } from '../events/event-text.js';
import { sortIndices } from '../indices/index-definition.js';
import type { Storage } from '../storage.js';
import {
  type GroupSnapshot,
  IMPORT_STEP,
  type ImportedEvent,
  type TransferStorage,
} from './transfer-storage.js';

/** Names of channels that are read at a time. */
const CHANNELS_AT_ONCE = 1_000;
/** Consumers whose cursors are read at a time: an engine that has them in no order walks over all of a channel each time. */
const CONSUMERS_AT_ONCE = 100_000;

/** Where a channel ends, as of when its events begin to be read. */
export interface ReadBounds {
  /** The newest id given; 0 if none was. */
  readonly lastId: number;
  /** The newest timestamp given, milliseconds since the Unix epoch. */
  readonly timestamp: number;
  readonly isDeleted: boolean;
  readonly epochs: Epochs;
}

/** Something that a store holds. What belongs to a channel comes between its `channel` and its `end`. */
export type StoreRecord =
  | { readonly kind: 'channel'; readonly channel: string }
  | { readonly kind: 'cursors'; readonly cursors: readonly ListedCursor[] }
  | { readonly kind: 'group'; readonly group: GroupSnapshot }
  | { readonly kind: 'bounds'; readonly bounds: ReadBounds }
  | { readonly kind: 'events'; readonly events: readonly ImportedEvent[] }
  | { readonly kind: 'end' }
  | { readonly kind: 'index'; readonly index: IndexDefinition };

/**
 * All that a store holds but for idempotency records and what an index has found, channel by channel, and the definitions of
 * indices at the end. Of a channel cursors and groups come first, so that none is further than its events. What is appended
 * meanwhile is left out.
 *
 * @throws EventsError `ServiceUnavailable` if the store cannot be read, or comes back older meanwhile
 */
export async function* readStore(storage: Storage, signal?: AbortSignal): AsyncGenerator<StoreRecord> {
  const transfer = transferOf(storage);
  for await (const channel of channelsOf(storage, transfer)) {
    yield { kind: 'channel', channel };
    yield* cursorsOf(storage, channel, signal);
    const groups = await storage.groups.list(channel);
    const scopes = groups.map(({ scope }) => scope).sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
    for (const scope of scopes) {
      signal?.throwIfAborted();
      const group = await transfer.readGroup(scope);
      if (group) yield { kind: 'group', group };
    }
    const bounds = await boundsOf(storage, channel);
    yield { kind: 'bounds', bounds };
    yield* eventsOf(storage, transfer, channel, bounds, signal);
    yield { kind: 'end' };
  }
  for (const index of sortIndices(await storage.indices.definitions())) yield { kind: 'index', index };
}

/** About how many events a store holds. */
export async function countEvents({ channels }: Storage): Promise<number> {
  let count = 0;
  let after = '';
  for (;;) {
    const names = await channels.list({ prefix: '', after, limit: CHANNELS_AT_ONCE });
    for (const end of await channels.ends(names)) if (end) count += end.lastId - end.firstId + 1;
    if (names.length < CHANNELS_AT_ONCE) return count;
    after = names.at(-1) as string;
  }
}

/** @throws EventsError `Conflict` if the engine can neither take nor give what a store holds */
export function transferOf({ transfer }: Storage): TransferStorage {
  if (transfer) return transfer;
  throw new EventsError('Conflict', 'Cannot copy this store: its engine has no part for that');
}

async function* channelsOf({ channels }: Storage, transfer: TransferStorage): AsyncIterable<string> {
  let after = '';
  for (;;) {
    const names = await channels.list({ prefix: '', after, limit: CHANNELS_AT_ONCE });
    yield* names;
    if (names.length < CHANNELS_AT_ONCE) break;
    after = names.at(-1) as string;
  }
  yield* transfer.unlistedChannels();
}

async function* cursorsOf(
  { cursors }: Storage,
  channel: string,
  signal: AbortSignal | undefined,
): AsyncIterable<StoreRecord> {
  let after = '';
  for (;;) {
    signal?.throwIfAborted();
    const range = { types: true, after, limit: CONSUMERS_AT_ONCE };
    const found = await cursors.list({ channel, type: undefined }, range);
    for (let i = 0; i < found.length; i += IMPORT_STEP) {
      yield { kind: 'cursors', cursors: found.slice(i, i + IMPORT_STEP) };
    }
    if (found.length === 0) return;
    after = found.at(-1)?.clientId as string;
  }
}

async function boundsOf(storage: Storage, channel: string): Promise<ReadBounds> {
  const [end] = await storage.channels.ends([channel]);
  if (end === undefined) {
    throw new EventsError('ServiceUnavailable', `Cannot read where channel ${JSON.stringify(channel)} ends`);
  }
  const { lastId, timestamp, isDeleted } = end;
  // Below the first id there is nothing: it is for the epochs.
  const { epochs } = await storage.scan({ channel, type: undefined, before: 1, limit: 1 });
  return { lastId, timestamp, isDeleted, epochs: (epochs ?? Epochs.NONE).upTo(lastId) };
}

async function* eventsOf(
  storage: Storage,
  transfer: TransferStorage,
  channel: string,
  { lastId, epochs }: ReadBounds,
  signal: AbortSignal | undefined,
): AsyncIterable<StoreRecord> {
  const filed = transfer.filedTypes(channel);
  let after = 0;
  while (after < lastId) {
    signal?.throwIfAborted();
    const page = await storage.scan({ channel, type: undefined, after, limit: IMPORT_STEP });
    if (((page.epochs ?? Epochs.NONE).endOf(epochs.current) ?? 0) < lastId) {
      throw new EventsError(
        'ServiceUnavailable',
        `Cannot read channel ${JSON.stringify(channel)}: the store came back older meanwhile`,
      );
    }
    const found = page.texts
      .map((json) => ({ id: headerOf(json).id, json }))
      .filter(({ id }) => id <= lastId);
    const last = found.at(-1);
    if (last === undefined) return;
    const types = await filed.between(after, last.id);
    yield { kind: 'events', events: found.map(({ id, json }) => ({ id, json, filed: types.get(id) })) };
    after = last.id;
  }
}

function nameOf({ type, group }: { readonly type: string | undefined; readonly group: string }): string {
  return JSON.stringify([type ?? '', group]);
}
