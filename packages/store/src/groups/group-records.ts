import type { EndedDelivery, GroupSettings } from './group-storage.js';

/** What is known of a group beside its events. */
export interface GroupRecord {
  readonly settings: GroupSettings;
  /** See `GroupState` for what is the same there. */
  readonly after: number;
  readonly pending: number;
  readonly heldBack: number;
  readonly redelivered: number;
  readonly deadLetters: number;
  readonly missed: number;
  readonly createdAt: number;
}

/** What is known of an event that the group is not done with, or that is a dead letter. */
export interface EntryRecord {
  /**
   * Held back: it waits behind another of its value. Delayed: it is or becomes due. Dying: its dead letter is to be written.
   * Dead: that is written, and it may be handed out again.
   */
  readonly state: 'held back' | 'leased' | 'delayed' | 'dying' | 'dead';
  /** Where it is in the order of its state: when the lease ends, it is due, another may write its dead letter, it became one. */
  readonly time: number;
  /** Of the field of the group's order; empty if it has none. */
  readonly value: string;
  /** Deliveries that count. */
  readonly count: number;
  /** Of the latest delivery; empty if nothing that is said with it holds any more. */
  readonly token: string;
  /** The worker that had it last. */
  readonly clientId: string;
  /** Milliseconds since the Unix epoch; 0 before its first delivery, and before its end. */
  readonly firstDeliveredAt: number;
  readonly endedAt: number;
  readonly reason: string;
  /** When it was handed out last, milliseconds since the Unix epoch, if that was not its first delivery. */
  readonly deliveredAt?: number | undefined;
  /** How its deliveries have ended, until its dead letter is written, see `endDelivery`. Absent: none has. */
  readonly deliveries?: readonly EndedDelivery[] | undefined;
  /** Of one that is held back: the next one of its value. */
  readonly next?: number | undefined;
  /** If it is a dead letter, or was one: the id of that in the channel of dead letters. */
  readonly deadLetterId?: number | undefined;
}

/** A value of the group's order of which an event is out. */
export interface ValueRecord {
  /** The first and the last that wait behind it. */
  readonly first?: number | undefined;
  readonly last?: number | undefined;
}

/** What records there are, and what is in them, by kind. */
export interface GroupRecordKinds {
  /** By ''. */
  readonly group: GroupRecord;
  /** By the id of the event. */
  readonly entry: EntryRecord;
  /** By the value. */
  readonly value: ValueRecord;
  /** How many leases a worker has, by its client id. */
  readonly worker: number;
}

export type GroupRecordKind = keyof GroupRecordKinds;

/** Ids of events by a time: when they are due (or a lease ends), may be buried by another, came to be out, became dead letters. */
export type GroupOrder = 'due' | 'dying' | 'out' | 'dead';

/** Where an event is in an order: by `time`, and then by id. */
export interface OrderedEvent {
  readonly time: number;
  readonly id: number;
}

/** The records of one group in one atomic step, which sees what it has written itself. */
export interface GroupRecords {
  get<Kind extends GroupRecordKind>(kind: Kind, name: string | number): GroupRecordKinds[Kind] | undefined;
  set<Kind extends GroupRecordKind>(kind: Kind, name: string | number, record: GroupRecordKinds[Kind]): void;
  remove(kind: GroupRecordKind, name: string | number): void;
  /** In any order. */
  entries(): Iterable<readonly [id: number, entry: EntryRecord]>;
  /** In any order. */
  workers(): Iterable<readonly [clientId: string, leases: number]>;

  enter(order: GroupOrder, event: OrderedEvent): void;
  leave(order: GroupOrder, event: OrderedEvent): void;
  /** The first events of an order with at most this time; at most `limit`. */
  first(order: GroupOrder, limit: number, to?: number): readonly OrderedEvent[];
}
