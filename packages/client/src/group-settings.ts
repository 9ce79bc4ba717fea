/** How a group hands out its events. Times are in milliseconds. */
export interface GroupSettings {
  /** How long a worker has for an event, until it asks for more time. Default 30 000. */
  leaseMs?: number | undefined;
  /** After so many deliveries without success an event is a dead letter. Default 10. */
  maxDeliveries?: number | undefined;
  /**
   * How long an event waits after its first delivery without success, its second, and so on; the last step goes on. Default
   * `[1000, 5000, 30000, 300000]`.
   */
  backoffMs?: readonly number[] | undefined;
  /** The most events that are handed out and not settled at a time, for all workers together. Default 1000. */
  maxPending?: number | undefined;
  /**
   * Path of a field, such as `data.userId`: of events with the same value there, one is out at a time, in the order of their
   * ids, also if it is delivered again. `*`: all have the same value. Default: no order.
   */
  order?: string | undefined;
  /** Channel of the dead letters, or `none`. Default: `orders.dead-letters` on `orders`, `orders.dead-letters:paid` on `orders:paid`. */
  deadLetters?: string | undefined;
}

/** A group on a channel name, and its state. */
export interface GroupState {
  /** The channel name, `channel:type` included. */
  channel: string;
  group: string;
  /** All of them; without `order` there is none, without `deadLetters` it is the default. */
  settings: GroupSettings;
  /** Id of the last event that was handed out, or waits behind another of its value. */
  after: number;
  /** Events that were not handed out yet. */
  lag: number;
  /** Events that are handed out and not settled: leased, or waiting for their next delivery. */
  pending: number;
  /** Events that wait behind another of their value. */
  heldBack: number;
  /** Deliveries that were not the first of their event. */
  redelivered: number;
  /** Dead letters that were not handed out again. */
  deadLetters: number;
  /** Events that were dropped or redacted before they were delivered, as far as is known. */
  missed: number;
  /** Whether `maxPending`, or 10,000 held back events, keep others from being handed out. */
  isFull: boolean;
  /** How long ago the oldest event that is out was first handed out, milliseconds; absent if none is. */
  oldestPendingMs?: number;
  /** How many events are leased to each worker, by its client id. */
  workers: { clientId: string; pending: number }[];
  /** Milliseconds since the Unix epoch. */
  createdAt: number;
}

const NAMES = ['leaseMs', 'maxDeliveries', 'backoffMs', 'maxPending', 'order', 'deadLetters'] as const;

/** Those that are given; undefined if none is. */
export function givenSettings(options: GroupSettings): GroupSettings | undefined {
  const given = NAMES.filter((name) => options[name] !== undefined);
  if (given.length === 0) return undefined;
  return Object.fromEntries(given.map((name) => [name, options[name]]));
}
