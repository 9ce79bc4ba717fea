import type {
  EntryRecord,
  GroupOrder,
  GroupRecordKind,
  GroupRecordKinds,
  GroupRecords,
  OrderedEvent,
} from '../groups/group-records.js';

type RecordMap = Map<string | number, GroupRecordKinds[GroupRecordKind]>;

/** The records of one group in maps and sorted arrays. */
export class MemoryGroupRecords implements GroupRecords {
  readonly #kinds: Readonly<Record<GroupRecordKind, RecordMap>>;
  readonly #orders: Readonly<Record<GroupOrder, OrderedEvent[]>>;

  /** With `backup` it begins with a copy of what that holds. */
  constructor(backup?: MemoryGroupRecords) {
    const copy = (kind: GroupRecordKind): RecordMap => (backup ? new Map(backup.#kinds[kind]) : new Map());
    this.#kinds = {
      group: copy('group'),
      entry: copy('entry'),
      value: copy('value'),
      worker: copy('worker'),
    };
    const ordered = (order: GroupOrder): OrderedEvent[] => [...(backup ? backup.#orders[order] : [])];
    this.#orders = {
      due: ordered('due'),
      dying: ordered('dying'),
      out: ordered('out'),
      dead: ordered('dead'),
    };
  }

  get<Kind extends GroupRecordKind>(kind: Kind, name: string | number): GroupRecordKinds[Kind] | undefined {
    return this.#kinds[kind].get(name) as GroupRecordKinds[Kind] | undefined;
  }

  set<Kind extends GroupRecordKind>(kind: Kind, name: string | number, record: GroupRecordKinds[Kind]): void {
    this.#kinds[kind].set(name, record);
  }

  remove(kind: GroupRecordKind, name: string | number): void {
    this.#kinds[kind].delete(name);
  }

  entries(): Iterable<readonly [id: number, entry: EntryRecord]> {
    return this.#kinds.entry as Map<number, EntryRecord>;
  }

  workers(): Iterable<readonly [clientId: string, leases: number]> {
    return this.#kinds.worker as Map<string, number>;
  }

  enter(order: GroupOrder, event: OrderedEvent): void {
    const events = this.#orders[order];
    events.splice(placeOf(events, event), 0, event);
  }

  leave(order: GroupOrder, event: OrderedEvent): void {
    const events = this.#orders[order];
    const place = placeOf(events, event);
    if (events[place]?.id === event.id && events[place].time === event.time) events.splice(place, 1);
  }

  first(order: GroupOrder, limit: number, to = Number.POSITIVE_INFINITY): readonly OrderedEvent[] {
    const events = this.#orders[order];
    const end = placeOf(events, { time: to, id: Number.POSITIVE_INFINITY });
    return events.slice(0, Math.min(end, limit));
  }
}

/** Where an event is among those that are sorted, or is to be put. */
function placeOf(events: readonly OrderedEvent[], { time, id }: OrderedEvent): number {
  let low = 0;
  let high = events.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = events[middle] as OrderedEvent;
    if (other.time < time || (other.time === time && other.id < id)) low = middle + 1;
    else high = middle;
  }
  return low;
}
