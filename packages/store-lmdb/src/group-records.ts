import type {
  EntryRecord,
  GroupOrder,
  GroupRecordKind,
  GroupRecordKinds,
  GroupRecords,
  OrderedEvent,
} from '@ganomede/events-store';
import { decodeChecked, encodeChecked } from './checked-text.js';
import type { Draft } from './commit-queue.js';
import type { Database } from './database.js';
import { allOfGroup, groupOrderKey, groupRecordKey, groupRecordsOf, type Key } from './keys.js';

const NOTHING = Buffer.alloc(0);

/** What a draft changes in an order: it is merged with what the database has. */
interface OrderChanges {
  /** Sorted. */
  readonly entered: OrderedEvent[];
  /** Of the database, as `<time> <id>`. */
  readonly left: Set<string>;
}

type AnyRecord = GroupRecordKinds[GroupRecordKind];

/** The records of one group as they are in a draft. There is one object of each group in a draft. */
export class LmdbGroupRecords implements GroupRecords {
  readonly #database: Database;
  readonly #draft: Draft;
  readonly #number: number;
  /** What was read or written, by the key; undefined if there is none. */
  readonly #records = new Map<string, AnyRecord | undefined>();
  readonly #written = new Map<string, Key>();
  readonly #orders: Readonly<Record<GroupOrder, OrderChanges>> = {
    due: { entered: [], left: new Set() },
    dying: { entered: [], left: new Set() },
    out: { entered: [], left: new Set() },
    dead: { entered: [], left: new Set() },
  };

  constructor(database: Database, draft: Draft, number: number) {
    this.#database = database;
    this.#draft = draft;
    this.#number = number;
  }

  /** Whether the draft changes anything of the group. */
  get isChanged(): boolean {
    return this.#written.size > 0;
  }

  get<Kind extends GroupRecordKind>(kind: Kind, name: string | number): GroupRecordKinds[Kind] | undefined {
    const key = groupRecordKey(this.#number, kind, name);
    const text = JSON.stringify(key);
    if (!this.#records.has(text)) {
      const stored = this.#database.get(key);
      this.#records.set(text, stored && (decodeGroupRecord(key, stored) as AnyRecord));
    }
    return this.#records.get(text) as GroupRecordKinds[Kind] | undefined;
  }

  set<Kind extends GroupRecordKind>(kind: Kind, name: string | number, record: GroupRecordKinds[Kind]): void {
    const key = groupRecordKey(this.#number, kind, name);
    this.#records.set(JSON.stringify(key), record);
    this.#write(key, encodeChecked(JSON.stringify(record), JSON.stringify(key)));
  }

  remove(kind: GroupRecordKind, name: string | number): void {
    const key = groupRecordKey(this.#number, kind, name);
    this.#records.set(JSON.stringify(key), undefined);
    this.#write(key, undefined);
  }

  /** As they are in the database. */
  *entries(): Iterable<readonly [id: number, entry: EntryRecord]> {
    for (const { key, value } of this.#database.range(...groupRecordsOf(this.#number, 'entry'))) {
      yield [key.at(-1) as number, decodeGroupRecord(key, value) as EntryRecord];
    }
  }

  /** As they are in the database. */
  *workers(): Iterable<readonly [clientId: string, leases: number]> {
    for (const { key, value } of this.#database.range(...groupRecordsOf(this.#number, 'worker'))) {
      yield [String(key.at(-1)), decodeGroupRecord(key, value) as number];
    }
  }

  enter(order: GroupOrder, event: OrderedEvent): void {
    const { entered, left } = this.#orders[order];
    if (!left.delete(nameOf(event))) entered.splice(placeOf(entered, event), 0, event);
    this.#write(groupOrderKey(this.#number, order, event.time, event.id), NOTHING);
  }

  leave(order: GroupOrder, event: OrderedEvent): void {
    const { entered, left } = this.#orders[order];
    const place = placeOf(entered, event);
    const found = entered[place];
    if (found?.id === event.id && found.time === event.time) entered.splice(place, 1);
    else left.add(nameOf(event));
    this.#write(groupOrderKey(this.#number, order, event.time, event.id), undefined);
  }

  first(order: GroupOrder, limit: number, to = Number.MAX_SAFE_INTEGER): readonly OrderedEvent[] {
    const { entered, left } = this.#orders[order];
    const events: OrderedEvent[] = [];
    let next = 0;
    const enteredBefore = (event: OrderedEvent) => {
      while (events.length < limit) {
        const own = entered[next];
        if (own === undefined || own.time > to || compare(own, event) > 0) return;
        events.push(own);
        next++;
      }
    };
    const [start, end] = [
      groupOrderKey(this.#number, order, 0, 0),
      groupOrderKey(this.#number, order, to + 1, 0),
    ];
    for (const key of this.#database.keys(start, end, limit + left.size)) {
      const event = { time: key[3] as number, id: key[4] as number };
      if (left.has(nameOf(event))) continue;
      enteredBefore(event);
      if (events.length >= limit) return events;
      events.push(event);
    }
    enteredBefore({ time: Number.POSITIVE_INFINITY, id: 0 });
    return events;
  }

  /** Removes all that the group has. */
  clear(): void {
    for (const key of this.#database.keys(...allOfGroup(this.#number))) this.#draft.delete(key);
    for (const key of this.#written.values()) this.#draft.delete(key);
  }

  #write(key: Key, value: Buffer | undefined): void {
    this.#written.set(JSON.stringify(key), key);
    if (value === undefined) this.#draft.delete(key);
    else this.#draft.set(key, value);
  }
}

/** @throws Error if it is not what was stored under this key */
export function decodeGroupRecord(key: Key, value: Buffer): unknown {
  // There are none without a checksum.
  const text = decodeChecked(value, JSON.stringify(key), /(?!)/);
  if (text !== undefined) return JSON.parse(text);
  const [, number, ...place] = key;
  throw new Error(`events.mdb is damaged: of group ${number} is not as it was stored: ${place.join(' ')}`);
}

function nameOf({ time, id }: OrderedEvent): string {
  return `${time} ${id}`;
}

function compare(a: OrderedEvent, b: OrderedEvent): number {
  return a.time - b.time || a.id - b.id;
}

/** Where an event is among those that are sorted, or is to be put. */
function placeOf(events: readonly OrderedEvent[], event: OrderedEvent): number {
  let low = 0;
  let high = events.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compare(events[middle] as OrderedEvent, event) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
