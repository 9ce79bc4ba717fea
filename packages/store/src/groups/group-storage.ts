/** A group on a channel name. Its state lies with the channel. */
export interface GroupScope {
  readonly channel: string;
  /** The type that events are filed under; undefined for all of them. */
  readonly type: string | undefined;
  readonly group: string;
}

/** How a group hands out its events. Durations are milliseconds. */
export interface GroupSettings {
  /** How long a worker has for an event unless it asks for another time. */
  readonly leaseMs: number;
  /** After so many deliveries that were not acknowledged an event is a dead letter. */
  readonly maxDeliveries: number;
  /** How long an event waits after its first delivery, its second, and so on; the last step goes on. */
  readonly backoffMs: readonly number[];
  /** Most events that are out: leased, waiting for their next delivery, or on their way to the dead letters. */
  readonly maxPending: number;
  /** Path of a field: of events with the same value one is out at a time, in order. `*`: all have the same. Absent: no order. */
  readonly order?: string | undefined;
  /** Channel name that dead letters are published to. Absent: see `deadLettersOf`; `none`: they are only counted. */
  readonly deadLetters?: string | undefined;
}

/** What an engine does for groups. Each call is one atomic step; its times are those of the engine's clock. */
export interface GroupStorage {
  /**
   * Creates the group if there is none, to begin behind `after`, or behind the newest id if that is lower; otherwise changes its settings, if `changes` and its order
   * stays what it was. Resolves with the settings that it has then.
   */
  save(
    scope: GroupScope,
    settings: GroupSettings,
    options: { readonly after: number; readonly changes: boolean },
  ): Promise<{ readonly isNew: boolean; readonly settings: GroupSettings }>;

  /**
   * Settles, then hands out: first what is due, by the time since when, then what was found. Undefined if there is no such group.
   * What is settled, and what is dying, is as durable as an append when this resolves. That an event is handed out need not be: if
   * a crash undoes it, it is handed out again.
   * What costs time is what is settled, handed out, held back or due, never what is pending.
   */
  work(scope: GroupScope, work: GroupWork): Promise<GroupWorked | undefined>;

  /**
   * The group is done with events that were told as dying. One that is not dying (any more), or whose dead letter is that of an
   * earlier turn of it, is not looked at: it comes too late.
   */
  bury(scope: GroupScope, buried: readonly BuriedEvent[]): Promise<void>;

  /**
   * Dead letters of the group, those of `ids` or the oldest, become due again, as if they had not been delivered yet; at most
   * `limit`. They go before what is held back by their value, which they wait for if it is busy; `maxPending` does not bound
   * them, nor what was held back by the value of an event that is out: it takes its place. Resolves with their ids, ascending;
   * undefined if there is no such group. Those that wait are told.
   */
  redrive(
    scope: GroupScope,
    range: { readonly ids: readonly number[] | undefined; readonly limit: number },
  ): Promise<readonly number[] | undefined>;

  /** Every group of the channel and of its types, in any order. */
  list(channel: string): Promise<readonly GroupState[]>;

  /** Removes it with everything of it. Whether there was one. Those that wait are told. */
  delete(scope: GroupScope): Promise<boolean>;
}

export interface GroupWork {
  /** In this order, before anything is handed out. */
  readonly settle: readonly Settlement[];
  /** Events of the scope that may be new to the group; undefined if none were looked for. */
  readonly found: FoundEvents | undefined;
  /** Those that are due come first, then new ones; the first take gets as many as it can. */
  readonly takes: readonly Take[];
}

/**
 * All events of the scope with `from` < id ≤ `to`. They are looked at if the group is at `from` or behind it and the channel is of
 * the same epoch, the group of the same order. If the scope is a whole channel, those below `firstId` were dropped and count as missed.
 */
export interface FoundEvents {
  readonly from: number;
  readonly to: number;
  /** The oldest id that the channel kept when they were read, above its newest if it kept none. */
  readonly firstId: number;
  /** Ascending by id. */
  readonly events: readonly {
    readonly id: number;
    /** Stands for the value of the order's field; empty if the group has no order or the event no such value. */
    readonly value: string;
  }[];
  /** The epoch of the channel when they were read; empty if it has none. */
  readonly epoch: string;
  /** The order of the group that the values are those of. */
  readonly order: string | undefined;
}

export interface Take {
  readonly clientId: string;
  readonly limit: number;
  /** Undefined: that of the group. */
  readonly leaseMs: number | undefined;
  /** Random: knows each of its events again together with the id. */
  readonly token: string;
}

/**
 * What a worker says of an event that it was given. Holds if `token` is that of the latest delivery of the event; if its lease has
 * ended `acknowledge` and `reject` still do until the event is handed out again or is dying, the others do not.
 */
export type Settlement = { readonly id: number; readonly token: string } & (
  | { readonly kind: 'acknowledge' }
  | {
      readonly kind: 'release';
      /** Default: the next step of the back-off. */
      readonly delayMs?: number | undefined;
      readonly reason?: string | undefined;
      /** The delivery is taken back, and the event is due at once. Default false. */
      readonly uncounted?: boolean | undefined;
    }
  | { readonly kind: 'reject'; readonly reason: string }
  /** From now on; default: as long as the settings say. */
  | { readonly kind: 'extend'; readonly leaseMs?: number | undefined }
  /** The event is gone: it was dropped by retention before it was handed out again. Counts as missed. */
  | { readonly kind: 'missed' }
);

export interface GroupWorked {
  readonly settings: GroupSettings;
  /** Of each settlement whether it held. */
  readonly settled: readonly boolean[];
  /** Of each take what it was given, ascending by id. */
  readonly taken: readonly (readonly TakenEvent[])[];
  /** Whether what was found could be looked at; false if nothing was found. */
  readonly isFoundCurrent: boolean;
  /**
   * Events whose dead letters this caller is to write now; for others that call they are out for
   * `BURIAL_MS`. At most `MAX_DYING`.
   */
  readonly dying: readonly DyingEvent[];
  /** The group has looked at every event up to here: each was handed out, is held back by the order, or is none of the scope. */
  readonly after: number;
  /** Milliseconds until an event becomes due or a lease (or the time for a dead letter) ends; 0 if there is more to do now. */
  readonly dueInMs: number | undefined;
  /** Whether `maxPending` (or `MAX_HELD_BACK`) keeps events from being handed out. */
  readonly isFull: boolean;
}

export interface TakenEvent {
  readonly id: number;
  /** Which delivery this is, from 1. */
  readonly count: number;
  readonly leaseMs: number;
  /** Of a dead letter that was handed out again and whose event may be gone: the id in the channel of dead letters. */
  readonly deadLetterId: number | undefined;
}

export interface DyingEvent {
  readonly id: number;
  /** If it was a dead letter before: the id of that in the channel of dead letters. Tells its turns apart. */
  readonly deadLetterId: number | undefined;
  readonly count: number;
  /** Why the last worker gave it up; that its lease ended if nobody said. */
  readonly reason: string;
  /** When it was first handed out, and when its turn ended; milliseconds since the Unix epoch. */
  readonly firstDeliveredAt: number;
  readonly endedAt: number;
  /** The worker that had it last. */
  readonly clientId: string;
}

export interface BuriedEvent {
  readonly id: number;
  /** Its id in the channel of dead letters; undefined if none was written: it counts as a dead letter, and is forgotten. */
  readonly deadLetterId: number | undefined;
}

export interface GroupState {
  readonly scope: GroupScope;
  readonly settings: GroupSettings;
  /** As in `GroupWorked`. */
  readonly after: number;
  /** Events that are out: leased, waiting for their next delivery, or on their way to the dead letters. */
  readonly pending: number;
  /** Events that wait behind another of their value. */
  readonly heldBack: number;
  /** How many deliveries were not the first, since the group began. */
  readonly redelivered: number;
  /** Dead letters that were written and not handed out again. */
  readonly deadLetters: number;
  /** Events that were dropped or redacted before they were delivered, as far as is known. */
  readonly missed: number;
  /** When of the events that are out the one was handed out that was so first; undefined if none is out. */
  readonly oldestPendingAt: number | undefined;
  readonly isFull: boolean;
  /** Of each worker that has a lease how many it has. */
  readonly workers: readonly { readonly clientId: string; readonly pending: number }[];
  readonly createdAt: number;
}

/** Most events of a group that wait behind others of their value. */
export const MAX_HELD_BACK = 10_000;

/** Most events that one step tells as dying. */
export const MAX_DYING = 100;

/** Most leases that have ended and are looked at in one step; of the others `dueInMs` tells. */
export const MAX_ENDED = 1_000;

/** What is told of an event whose last lease ended. */
export const LEASE_ENDED = 'The lease ended';

/** How long a caller has to write the dead letters that it was told of, milliseconds. */
export const BURIAL_MS = 10_000;
