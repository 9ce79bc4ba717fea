import { randomBytes } from 'node:crypto';
import { EventsError, type IndexDefinition } from '@ganomede/events-protocol';
import { headerOf } from '../events/event-text.js';
import { checkSameIndex } from '../indices/index-definition.js';
import type { Storage } from '../storage.js';
import type { BackupTrailer } from './backup-format.js';
import type { TransferOptions } from './export-store.js';
import { importedEpochs } from './imported-epochs.js';
import { type BackupSource, checkBackup, readBackup } from './read-backup.js';
import { type ReadBounds, transferOf } from './read-store.js';
import {
  type GroupEntry,
  type GroupSnapshot,
  IMPORT_STEP,
  type ImportedEvent,
  type TransferStorage,
} from './transfer-storage.js';

/** Bytes of the events that are brought at once, about. */
const PART_BYTES = 4 * 1024 * 1024;

export interface ImportOptions extends TransferOptions {
  /** Told now and then how many events of the backup were read, before it is known to be whole and anything is stored. Must not throw. */
  readonly onCheck?: ((events: number) => void) | undefined;
}

/** What an import has done. */
export interface ImportResult extends BackupTrailer {
  /** Events that it has stored. */
  readonly stored: number;
  /** Events that were there already. */
  readonly known: number;
  /** Events that the store had dropped already: they were not stored. */
  readonly dropped: number;
  /** Groups that were there already: they were left as they are. */
  readonly knownGroups: number;
}

/**
 * Brings all that a backup holds into a store, which keeps what it has beside it. It is made while nobody appends to the
 * channels of the backup and no consumer of them works. If it was broken off, by whatever, it is made again from the beginning:
 * what is there already is passed over. Nothing is stored unless the backup is whole. Cursors are put where the backup has them.
 *
 * @throws EventsError `InvalidContent` (as a rejection) if it is no backup, or is not whole
 * @throws EventsError `Conflict` that says what, if the store has another event with the id of one of the backup, or another index
 * with the id of one
 */
export async function importStore(
  storage: Storage,
  source: BackupSource,
  { signal, onProgress, onCheck }: ImportOptions = {},
): Promise<ImportResult> {
  const transfer = transferOf(storage);
  const trailer = await checkBackup(source, signal, onCheck);
  const counts = { stored: 0, known: 0, dropped: 0, knownGroups: 0 };
  const progress = { channel: '', channels: 0, events: 0, totalEvents: trailer.total.events };
  const term = randomBytes(5).toString('hex');
  let channel = new ChannelImport(transfer, '', term);
  let group: (GroupSnapshot & { readonly entries: GroupEntry[] }) | undefined;
  for await (const line of readBackup(source)) {
    signal?.throwIfAborted();
    if (line.kind === 'entries' && group) {
      group.entries.push(...line.entries);
      continue;
    }
    if (group && !(await transfer.importGroup(group))) counts.knownGroups++;
    group = undefined;
    switch (line.kind) {
      case 'channel':
        progress.channel = line.channel;
        channel = new ChannelImport(transfer, line.channel, term);
        break;
      case 'cursors':
        await transfer.importCursors(progress.channel, line.cursors);
        break;
      case 'group':
        group = { ...line.group, entries: [...line.group.entries] };
        break;
      case 'bounds':
        channel.bounds = line.bounds;
        break;
      case 'event':
        if (channel.isFull) {
          await channel.flush(counts);
          onProgress?.({ ...progress });
        }
        channel.add(line.event);
        progress.events++;
        break;
      case 'end':
        await channel.end(counts);
        progress.channels++;
        onProgress?.({ ...progress });
        break;
      case 'index':
        await importIndex(storage, line.index);
        break;
    }
  }
  return { ...trailer, ...counts };
}

/** @throws EventsError `Conflict` */
async function importIndex({ indices }: Storage, index: IndexDefinition): Promise<void> {
  checkSameIndex(await indices.create(index), index);
}

interface EventCounts {
  stored: number;
  known: number;
  dropped: number;
}

/** Gathers the events of a channel, and brings them in parts. */
class ChannelImport {
  readonly #transfer: TransferStorage;
  readonly #channel: string;
  readonly #term: string;
  /** Undefined before they were told. */
  bounds: ReadBounds | undefined;
  #events: ImportedEvent[] = [];
  #bytes = 0;
  /** The newest id that was brought; undefined before the first part. */
  #after: number | undefined;
  /** The first id of the channel. */
  #firstId: number | undefined;

  constructor(transfer: TransferStorage, channel: string, term: string) {
    this.#transfer = transfer;
    this.#channel = channel;
    this.#term = term;
  }

  get isFull(): boolean {
    return this.#events.length >= IMPORT_STEP || this.#bytes >= PART_BYTES;
  }

  add(event: ImportedEvent): void {
    this.#firstId ??= event.id;
    this.#after ??= event.id - 1;
    this.#events.push(event);
    this.#bytes += event.json.length;
  }

  /** Brings what was gathered. */
  async flush(counts: EventCounts): Promise<void> {
    const last = this.#events.at(-1);
    if (last) await this.#bring(last.id, headerOf(last.json).timestamp, false, counts);
  }

  async end(counts: EventCounts): Promise<void> {
    const { lastId, timestamp, isDeleted } = this.#known;
    // Nothing was ever appended.
    if (lastId > 0) await this.#bring(lastId, timestamp, isDeleted, counts);
  }

  async #bring(lastId: number, timestamp: number, isDeleted: boolean, counts: EventCounts): Promise<void> {
    const events = this.#events;
    const firstId = this.#firstId ?? lastId + 1;
    const upTo = { firstId, lastId, term: this.#term, now: Date.now() };
    const { stored, known } = await this.#transfer.importEvents(this.#channel, {
      after: this.#after ?? lastId,
      events,
      lastId,
      timestamp,
      epochs: importedEpochs(this.#known.epochs, upTo),
      isDeleted,
    });
    counts.stored += stored;
    counts.known += known;
    counts.dropped += events.length - stored - known;
    this.#events = [];
    this.#bytes = 0;
    this.#after = lastId;
  }

  get #known(): ReadBounds {
    if (this.bounds) return this.bounds;
    throw new EventsError(
      'InvalidContent',
      `Invalid backup: expected the bounds of channel ${JSON.stringify(this.#channel)} before its events`,
    );
  }
}
