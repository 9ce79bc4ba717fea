import type { OrderedEvent } from '@ganomede/events-store';
import type { Change } from './change.js';
import type { Database } from './database.js';
import type { Key } from './keys.js';

const NOTHING = Buffer.alloc(0);

/** An order of a group as it is in a draft: what the database has, without what has left it, and with what has entered it since. */
export class GroupOrderDraft {
  readonly #database: Database;
  readonly #keyOf: (time: number, id: number) => Key;
  /** Sorted. */
  readonly #entered: OrderedEvent[] = [];
  /** Of the database, by their names. */
  readonly #left = new Map<string, OrderedEvent>();
  /** What was read of the database: all that is before `#unread`, some of which may have left. Sorted. */
  #read: OrderedEvent[] = [];
  #unread: OrderedEvent = { time: 0, id: 0 };
  #mayHaveLeft = false;

  constructor(database: Database, keyOf: (time: number, id: number) => Key) {
    this.#database = database;
    this.#keyOf = keyOf;
  }

  enter(event: OrderedEvent): void {
    this.#entered.splice(placeOf(this.#entered, event), 0, event);
  }

  leave(event: OrderedEvent): void {
    const place = placeOf(this.#entered, event);
    const found = this.#entered[place];
    if (found?.id === event.id && found.time === event.time) {
      this.#entered.splice(place, 1);
      return;
    }
    this.#left.set(nameOf(event), event);
    this.#mayHaveLeft = true;
  }

  /** The first events with at most this time; at most `limit`. */
  first(limit: number, to: number): OrderedEvent[] {
    this.#readFirst(limit, to);
    const events: OrderedEvent[] = [];
    let [i, j] = [0, 0];
    while (events.length < limit) {
      const [stored, own] = [this.#read[i], this.#entered[j]];
      const isStoredNext = stored && (own === undefined || compare(stored, own) < 0);
      const next = isStoredNext ? stored : own;
      if (next === undefined || next.time > to) break;
      events.push(next);
      if (isStoredNext) i++;
      else j++;
    }
    return events;
  }

  /** What is to be done, in this order: one that has left may have entered again. */
  *changes(): Iterable<Change> {
    for (const { time, id } of this.#left.values()) yield { key: this.#keyOf(time, id), value: undefined };
    for (const { time, id } of this.#entered) yield { key: this.#keyOf(time, id), value: NOTHING };
  }

  /** Each entry of the database is read once, however often somebody asks, and few more than are asked for. */
  #readFirst(limit: number, to: number): void {
    if (this.#mayHaveLeft) this.#read = this.#read.filter((event) => !this.#left.has(nameOf(event)));
    this.#mayHaveLeft = false;
    for (let n = limit; this.#read.length < limit && this.#unread.time <= to; n *= 2) {
      const { time, id } = this.#unread;
      let found = 0;
      for (const key of this.#database.keys(this.#keyOf(time, id), this.#keyOf(to + 1, 0), n)) {
        const event = { time: key[3] as number, id: key[4] as number };
        if (!this.#left.has(nameOf(event))) this.#read.push(event);
        this.#unread = { time: event.time, id: event.id + 1 };
        found++;
      }
      if (found < n) this.#unread = { time: to + 1, id: 0 };
    }
  }
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
