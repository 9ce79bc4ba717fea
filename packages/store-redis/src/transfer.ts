import { EventsError } from '@ganomede/events-protocol';
import {
  type FiledTypes,
  type GroupScope,
  type GroupSnapshot,
  type ImportedCounts,
  type ImportedEvent,
  type ImportedPart,
  type ListedCursor,
  MAX_PAGE_BYTES,
  MergedTypes,
  newOfPart,
  type TransferStorage,
} from '@ganomede/events-store';
import type { ChannelList } from './channel-list.js';
import type { Connection } from './connection.js';
import { idOfEntry } from './entry.js';
import type { EventReader } from './event-reader.js';
import type { Keys } from './keys.js';
import { findIds } from './scripts/find-ids.js';
import { importEvents } from './scripts/import-events.js';
import { importGroup } from './scripts/import-group.js';
import { readGroup } from './scripts/read-group.js';
import { cursorText } from './scripts/save-cursors.js';
import { unavailable } from './unavailable.js';

/** Bounds of one script, so that Redis serves others in between. */
const MAX_EVENTS = 200;
const MAX_BYTES = 1024 * 1024;
/** Ids without an event that one script leaves out: it takes a few milliseconds. */
const MAX_LEFT_OUT = 10_000;
/** About how many keys are looked at by one command. */
const KEYS_AT_ONCE = 1_000;

/** What a store takes from another one, and gives to it. */
export class Transfer implements TransferStorage {
  readonly #connection: Connection;
  readonly #keys: Keys;
  readonly #list: ChannelList;
  readonly #reader: EventReader;

  constructor(connection: Connection, keys: Keys, list: ChannelList, reader: EventReader) {
    this.#connection = connection;
    this.#keys = keys;
    this.#list = list;
    this.#reader = reader;
  }

  async importEvents(channel: string, part: ImportedPart): Promise<ImportedCounts> {
    const { channel: key } = this.#keys.of(channel);
    const subject = `import events into ${key}`;
    const [first, last] = await this.#connection.run(key, subject, (client) =>
      client.hmget(key, 'first', 'last'),
    );
    const ends = { firstId: Number(first ?? 1), lastId: Number(last ?? 0) };
    const kept = await this.#kept(channel, part.after, Math.min(part.lastId, ends.lastId));
    const { events, known } = newOfPart(channel, part, ends, kept);
    if (part.lastId < ends.lastId) return { stored: 0, known };
    const isEmpty = ends.firstId > ends.lastId && events.length === 0;
    const isDeleted = isEmpty && part.isDeleted === true;
    if (isDeleted) await this.#list.remove(channel);
    else await this.#list.addNow(channel);
    let expectedLastId = ends.lastId;
    for (const step of stepsOf(events, ends, part.lastId)) {
      const epochs = step.lastId === part.lastId ? part.epochs : undefined;
      const { timestamp } = part;
      const args = { keys: this.#keys, channel, expectedLastId, ...step, timestamp, epochs, isDeleted };
      if (!(await this.#connection.script(subject, importEvents, args))) {
        throw new EventsError(
          'ServiceUnavailable',
          `Cannot import channel ${JSON.stringify(channel)}: expected nobody to append to it meanwhile`,
        );
      }
      expectedLastId = step.lastId;
    }
    return { stored: events.length, known };
  }

  /** The events with `after` < id ≤ `to`. */
  async #kept(channel: string, after: number, to: number): Promise<Buffer[]> {
    const kept: Buffer[] = [];
    let cursor = after;
    while (cursor < to) {
      const count = Math.min(this.#reader.chunk(channel, MAX_PAGE_BYTES), to - cursor);
      const found = await this.#reader.range(channel, cursor, count);
      for (const text of found.texts) if (idOfEntry(text) <= to) kept.push(text);
      if (found.to === cursor) break;
      cursor = found.to;
    }
    return kept;
  }

  async importCursors(channel: string, cursors: readonly ListedCursor[]): Promise<void> {
    const set = this.#keys.consumerTypes(channel);
    for (const type of new Set(cursors.map((cursor) => cursor.type))) {
      const key = this.#keys.cursors(channel, type);
      const saved = cursors
        .filter((cursor) => cursor.type === type)
        .flatMap((cursor) => [cursor.clientId, cursorText(cursor)]);
      await this.#connection.run(key, `save cursors in ${key}`, (client) =>
        Promise.all([client.sadd(set, type ?? ''), client.hset(key, ...saved)]),
      );
    }
  }

  importGroup(group: GroupSnapshot): Promise<boolean> {
    const { group: key } = this.#keys.group(group.scope);
    return this.#connection.script(`import ${key}`, importGroup, { keys: this.#keys, group });
  }

  readGroup(scope: GroupScope): Promise<GroupSnapshot | undefined> {
    const { group: key } = this.#keys.group(scope);
    return this.#connection.script(`read ${key}`, readGroup, { keys: this.#keys, scope });
  }

  filedTypes(channel: string): FiledTypes {
    const { channel: key, types: set } = this.#keys.of(channel);
    return new MergedTypes({
      types: () => this.#connection.run(set, `read ${set}`, (client) => client.smembers(set)),
      idsAfter: async (type, after, limit) => {
        const list = this.#keys.type(channel, type);
        const args = { channel: key, list, range: { after }, limit };
        return (await this.#connection.script(`read ${list}`, findIds, args))?.ids ?? [];
      },
    });
  }

  async *unlistedChannels(): AsyncIterable<string> {
    const told = new Set<string>();
    for (const server of this.#connection.servers()) {
      for (const pattern of this.#keys.channelPatterns) {
        let cursor = '0';
        do {
          const [next, found] = await server
            .scan(cursor, 'MATCH', pattern, 'COUNT', KEYS_AT_ONCE)
            .catch((error: unknown) => {
              throw unavailable('look for channels', this.#connection.address, error);
            });
          cursor = next;
          const names = new Set(found.flatMap((key) => this.#keys.parseChannelKey(key) ?? []));
          for (const name of await this.#list.missing([...names].filter((name) => !told.has(name)))) {
            told.add(name);
            yield name;
          }
        } while (cursor !== '0');
      }
    }
  }
}

interface Step {
  readonly events: readonly ImportedEvent[];
  readonly lastId: number;
}

/** The steps in which events, and gaps, are added to a channel up to `to`; one at least. */
function* stepsOf(
  events: readonly ImportedEvent[],
  { firstId, lastId }: { readonly firstId: number; readonly lastId: number },
  to: number,
): Iterable<Step> {
  // A channel that keeps nothing begins at the first event, without a gap.
  let last = firstId > lastId ? (events[0]?.id ?? to + 1) - 1 : lastId;
  let some: ImportedEvent[] = [];
  let bytes = 0;
  let leftOut = 0;
  for (const event of [...events, undefined]) {
    const id = event?.id ?? to + 1;
    leftOut += id - 1 - last;
    if (some.length >= MAX_EVENTS || bytes >= MAX_BYTES || (leftOut > MAX_LEFT_OUT && some.length > 0)) {
      yield { events: some, lastId: last };
      some = [];
      bytes = 0;
      leftOut = id - 1 - last;
    }
    while (leftOut > MAX_LEFT_OUT) {
      last += MAX_LEFT_OUT;
      leftOut -= MAX_LEFT_OUT;
      yield { events: [], lastId: last };
    }
    if (event === undefined) break;
    last = id;
    some.push(event);
    bytes += event.json.length;
  }
  yield { events: some, lastId: to };
}
