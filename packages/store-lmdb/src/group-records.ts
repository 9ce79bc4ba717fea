import type {
  EntryRecord,
  GroupOrder,
  GroupRecordKind,
  GroupRecordKinds,
  GroupRecords,
  OrderedEvent,
} from '@ganomede/events-store';
import type { Change } from './change.js';
import { decodeChecked, encodeChecked } from './checked-text.js';
import type { Draft } from './commit-queue.js';
import type { Database } from './database.js';
import { GroupOrderDraft } from './group-order-draft.js';
import { allOfGroup, groupOrderKey, groupRecordKey, groupRecordsOf, type Key } from './keys.js';

/** A record as it is in a draft; undefined if there is none. */
interface Drafted {
  readonly key: Key;
  readonly record: GroupRecordKinds[GroupRecordKind] | undefined;
  readonly isChanged: boolean;
}

/** The records of one group as they are in a draft. There is one object of each group in a draft. */
export class LmdbGroupRecords implements GroupRecords {
  readonly #database: Database;
  readonly #draft: Draft;
  readonly #number: number;
  /** What was read or written, by kind and name. */
  readonly #records = new Map<string, Drafted>();
  #orders: Readonly<Record<GroupOrder, GroupOrderDraft>>;
  #isChanged = false;

  constructor(database: Database, draft: Draft, number: number) {
    this.#database = database;
    this.#draft = draft;
    this.#number = number;
    this.#orders = this.#newOrders();
    // A record changes with each event: it is encoded once.
    draft.addLater(() => this.#changes());
  }

  /** Whether the draft changes anything of the group. */
  get isChanged(): boolean {
    return this.#isChanged;
  }

  get<Kind extends GroupRecordKind>(kind: Kind, name: string | number): GroupRecordKinds[Kind] | undefined {
    const known = this.#records.get(`${kind} ${name}`);
    if (known) return known.record as GroupRecordKinds[Kind] | undefined;
    const key = groupRecordKey(this.#number, kind, name);
    const stored = this.#database.get(key);
    const record = stored && (decodeGroupRecord(key, stored) as GroupRecordKinds[Kind]);
    this.#records.set(`${kind} ${name}`, { key, record, isChanged: false });
    return record;
  }

  set<Kind extends GroupRecordKind>(kind: Kind, name: string | number, record: GroupRecordKinds[Kind]): void {
    this.#write(kind, name, record);
  }

  remove(kind: GroupRecordKind, name: string | number): void {
    this.#write(kind, name, undefined);
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
    this.#isChanged = true;
    this.#orders[order].enter(event);
  }

  leave(order: GroupOrder, event: OrderedEvent): void {
    this.#isChanged = true;
    this.#orders[order].leave(event);
  }

  first(order: GroupOrder, limit: number, to = Number.MAX_SAFE_INTEGER): readonly OrderedEvent[] {
    return this.#orders[order].first(limit, to);
  }

  /** Removes all that the group has. Nothing is done with it after that. */
  clear(): void {
    this.#records.clear();
    this.#orders = this.#newOrders();
    for (const key of this.#database.keys(...allOfGroup(this.#number))) this.#draft.delete(key);
  }

  #newOrders(): Readonly<Record<GroupOrder, GroupOrderDraft>> {
    const draft = (order: GroupOrder) =>
      new GroupOrderDraft(this.#database, (time, id) => groupOrderKey(this.#number, order, time, id));
    return { due: draft('due'), dying: draft('dying'), out: draft('out'), dead: draft('dead') };
  }

  #write(kind: GroupRecordKind, name: string | number, record: Drafted['record']): void {
    this.#isChanged = true;
    const known = this.#records.get(`${kind} ${name}`);
    const { key } = known ?? { key: groupRecordKey(this.#number, kind, name) };
    this.#records.set(`${kind} ${name}`, { key, record, isChanged: true });
  }

  *#changes(): Iterable<Change> {
    for (const { key, record, isChanged } of this.#records.values()) {
      if (!isChanged) continue;
      const text = record === undefined ? undefined : JSON.stringify(record);
      yield { key, value: text === undefined ? undefined : encodeChecked(text, JSON.stringify(key)) };
    }
    for (const order of Object.values(this.#orders)) yield* order.changes();
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
