import { setImmediate } from 'node:timers/promises';
import { type EventsError, parseChannel } from '@ganomede/events-protocol';
import {
  type FiledTypes,
  type GroupScope,
  type GroupSnapshot,
  type ImportedCounts,
  type ImportedEvent,
  type ImportedPart,
  type ListedCursor,
  MergedTypes,
  newOfPart,
  type StorageListener,
  type TransferStorage,
} from '@ganomede/events-store';
import { listAgain, newChannelNumber } from './append.js';
import { type ChannelRecord, readChannel } from './channel-record.js';
import type { CommitQueue, Draft } from './commit-queue.js';
import { encodeCursor } from './cursors.js';
import type { Database } from './database.js';
import { addGap } from './gaps.js';
import type { Groups } from './groups.js';
import {
  CURSORS,
  channelNumberKey,
  cursorKey,
  DELETED_CHANNELS,
  deletedChannelKey,
  earlierEpochsKey,
  eventKey,
  GROUPS,
  type Key,
  typeKey,
  typesEnd,
} from './keys.js';
import { textsBetween } from './scan.js';
import { reading } from './storage-error.js';
import { encodeJson } from './stored-event.js';

/** Keys that are looked at in one turn of the event loop. */
const KEYS_AT_ONCE = 1_000;

/** What a store takes from another one, and gives to it. */
export class Transfer implements TransferStorage {
  readonly #database: Database;
  readonly #commits: CommitQueue;
  readonly #dataDir: string;
  readonly #groups: Groups;
  readonly #missed: StorageListener['missed'];

  /** `missed` is called with a channel that events were brought into. */
  constructor(
    { database, commits, dataDir }: { database: Database; commits: CommitQueue; dataDir: string },
    groups: Groups,
    missed: StorageListener['missed'],
  ) {
    this.#database = database;
    this.#commits = commits;
    this.#dataDir = dataDir;
    this.#groups = groups;
    this.#missed = missed;
  }

  async importEvents(channel: string, part: ImportedPart): Promise<ImportedCounts> {
    const outcome = await this.#commits.write({
      subject: `${part.events.length} imported event(s) of channel ${JSON.stringify(channel)}`,
      bytes: part.events.reduce((sum, { json }) => sum + json.length, 0),
      sequence: channel,
      plan: (draft): ImportedCounts | EventsError => {
        try {
          return this.#planImport(draft, channel, part);
        } catch (error) {
          if ((error as Partial<EventsError>).code === 'Conflict') return error as EventsError;
          throw error;
        }
      },
      committed: () => this.#missed(channel),
    });
    if (outcome instanceof Error) throw outcome;
    return outcome;
  }

  #planImport(draft: Draft, channel: string, part: ImportedPart): ImportedCounts {
    const found = draft.channel(channel);
    const ends = found ?? { firstId: 1, lastId: 0 };
    const kept = found ? textsBetween(this.#database, found, part.after, part.lastId) : [];
    const { events, known } = newOfPart(channel, part, ends, kept);
    const isBehind = part.lastId > ends.lastId;
    if (!isBehind && part.lastId < ends.lastId) return { stored: 0, known };
    const record = found ?? {
      ...{ number: newChannelNumber(draft, channel), firstId: 1, lastId: 0, time: 0 },
      ...{ epoch: '', redactions: 0, isDeleted: false },
    };
    const changed = isBehind ? this.#add(draft, record, part, events) : record;
    const { current, earlier } = part.epochs;
    const isEmpty = changed.firstId > changed.lastId;
    const isDeleted = isEmpty && part.isDeleted === true;
    if (isDeleted !== record.isDeleted) this.#list(draft, channel, record.number, !isDeleted);
    const earlierKey = earlierEpochsKey(record.number);
    if (earlier === '') draft.delete(earlierKey);
    else draft.set(earlierKey, Buffer.from(earlier));
    draft.setChannel(channel, { ...changed, epoch: current, isDeleted });
    return { stored: events.length, known };
  }

  #add(
    draft: Draft,
    record: ChannelRecord,
    part: ImportedPart,
    events: readonly ImportedEvent[],
  ): ChannelRecord {
    const { number } = record;
    let { firstId, lastId } = record;
    if (firstId > lastId) {
      firstId = events[0]?.id ?? part.lastId + 1;
      lastId = firstId - 1;
    }
    let gap: ReturnType<typeof addGap> | undefined;
    const leaveOut = (to: number) => {
      if (to <= lastId) return;
      gap = addGap({ database: this.#database, draft }, number, { from: lastId + 1, to }, gap);
    };
    for (const { id, json, filed } of events) {
      leaveOut(id - 1);
      draft.add(eventKey(number, id), encodeJson(number, id, json));
      if (filed !== undefined) draft.file(number, filed, id);
      lastId = id;
    }
    leaveOut(part.lastId);
    return { ...record, firstId, lastId: part.lastId, time: Math.max(record.time, part.timestamp) };
  }

  /** Whether the channel is on the list. */
  #list(draft: Draft, channel: string, number: number, isListed: boolean): void {
    if (isListed) {
      listAgain(draft, channel, number);
      return;
    }
    draft.remove(channelNumberKey(channel));
    draft.add(deletedChannelKey(channel), Buffer.from(String(number)));
  }

  async importCursors(channel: string, cursors: readonly ListedCursor[]): Promise<void> {
    await this.#commits.write({
      subject: `${cursors.length} imported cursor(s) on channel ${JSON.stringify(channel)}`,
      bytes: 64 * cursors.length,
      plan: (draft) => {
        for (const { clientId, type, ...saved } of cursors) {
          const key = cursorKey(type === undefined ? channel : `${channel}:${type}`, clientId);
          draft.set(key, encodeCursor(key, saved));
        }
      },
    });
  }

  importGroup(group: GroupSnapshot): Promise<boolean> {
    return this.#groups.restore(group);
  }

  async readGroup(scope: GroupScope): Promise<GroupSnapshot | undefined> {
    return this.#groups.read(scope);
  }

  filedTypes(channel: string): FiledTypes {
    const read = async <T>(find: (number: number) => readonly T[]): Promise<readonly T[]> =>
      reading(this.#dataDir, `the types of channel ${JSON.stringify(channel)}`, () => {
        const record = readChannel(this.#database, channel);
        return record === undefined ? [] : find(record.number);
      });
    return new MergedTypes({
      types: () => read((number) => this.#types(number)),
      idsAfter: (type, after, limit) =>
        read((number) => {
          const end = typeKey(number, type, Number.MAX_SAFE_INTEGER);
          const keys = this.#database.keys(typeKey(number, type, after + 1), end, limit);
          return Array.from(keys, (key) => key[3] as number);
        }),
    });
  }

  /** Type by type: whatever is first beyond one of them belongs to the next. */
  #types(number: number): string[] {
    const types: string[] = [];
    let from = typeKey(number, '', 0);
    for (;;) {
      const [next] = this.#database.keys(from, typesEnd(number), 1);
      if (next === undefined) return types;
      const type = String(next[2]);
      types.push(type);
      from = typeKey(number, type, Number.MAX_SAFE_INTEGER);
    }
  }

  async *unlistedChannels(): AsyncIterable<string> {
    const told = new Set<string>();
    for (const range of [DELETED_CHANNELS, GROUPS]) {
      for await (const [, channel] of this.#keys(...range)) {
        const name = String(channel);
        if (told.has(name) || this.#isListed(name)) continue;
        told.add(name);
        yield name;
      }
    }
    // Cursors are kept under names as on the wire, `channel:type` included.
    for await (const [, name] of this.#keys(...CURSORS)) {
      const { channel } = parseChannel(String(name), true);
      if (told.has(channel) || this.#isListed(channel) || this.#isListed(String(name))) continue;
      told.add(channel);
      yield channel;
    }
  }

  async *#keys(start: Key, end: Key): AsyncIterable<Key> {
    let from = start;
    for (;;) {
      const keys = reading(this.#dataDir, 'the names of channels', () => [
        ...this.#database.keys(from, end, KEYS_AT_ONCE),
      ]);
      yield* keys;
      const last = keys.at(-1);
      if (last === undefined || keys.length < KEYS_AT_ONCE) return;
      // It comes once more.
      from = last;
      await setImmediate();
    }
  }

  #isListed(name: string): boolean {
    return this.#database.peek(channelNumberKey(name)) !== undefined;
  }
}
