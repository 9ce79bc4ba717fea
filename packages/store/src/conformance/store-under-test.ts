import type { EventInput } from '@ganomede/events-protocol';
import type { EventStore } from '../event-store.js';
import type { EventPage } from '../events/event-page.js';
import type { StoreOptions } from '../options.js';

/** A store as the suite sees it. */
export interface StoreUnderTest {
  readonly store: EventStore;
  /** Another way to the same events, such as a second connection; `store` itself if there is none. */
  readonly peer: EventStore;
  /**
   * Takes a copy of everything there is. What it resolves with puts the copy in the place of what is there then, as the restore
   * of a backup does, and resolves with a store on it: a new one, or the same one if it lives on.
   */
  backUp(): Promise<() => Promise<EventStore>>;
  /** Closes both and removes what they wrote. Also called if `store` is closed already. */
  close(): Promise<void>;
}

export type OpenStore = (options?: StoreOptions) => Promise<StoreUnderTest>;

/** Longer than any notification takes: a poll that ends by its time-out has failed. */
export const LONG_MS = 10_000;

/** Longest limit of a test that reads everything. */
export const ALL = 100_000;

let count = 0;
const run = Math.random().toString(36).slice(2);

/** A channel that no other test uses, nor an earlier run on the same server. */
export function newChannel(): string {
  return `test/${run}/${++count}`;
}

export function event(n: number, type = 'add'): EventInput {
  return { from: 'test', type, data: { n } };
}

/** `event(1)` to `event(count)`. */
export function events(count: number): EventInput[] {
  return Array.from({ length: count }, (_, i) => event(i + 1));
}

export function ids(batch: EventPage): number[] {
  return batch.events.map(({ id }) => id);
}

/** first, first + 1, … last. */
export function upTo(last: number, first = 1): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

/** Something to wait for that a test opens by hand. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

/** Resolves once `count` polls of the store wait. */
export async function untilWaiting(store: EventStore, count: number): Promise<void> {
  while (store.waiting < count) await new Promise((resolve) => setTimeout(resolve, 1));
}
