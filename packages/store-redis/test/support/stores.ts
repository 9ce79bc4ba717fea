import type { EventInput } from '@ganomede/events-protocol';
import type { EventPage, EventStore } from '@ganomede/events-store';
import { createRedisStore, type RedisStoreOptions } from '@ganomede/events-store-redis';
import { afterEach } from 'vitest';

const opened: EventStore[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((store) => store.close()));
});

/** A store that is closed after the test. */
export async function openStore(options: RedisStoreOptions): Promise<EventStore> {
  const store = await createRedisStore(options);
  opened.push(store);
  return store;
}

export const event = (n: number, type = 'add'): EventInput => ({ from: 'test', type, data: { n } });
export const events = (count: number): EventInput[] => Array.from({ length: count }, (_, i) => event(i + 1));
export const ids = (batch: EventPage): number[] => batch.events.map(({ id }) => id);

/** Resolves with what `run` has thrown or rejected with, and how long that took, milliseconds. */
export async function failure(run: Promise<unknown>): Promise<{ error: unknown; ms: number }> {
  const started = performance.now();
  const error = await run.then(
    (value) => {
      throw new Error(`Expected a rejection, got ${JSON.stringify(value)}`);
    },
    (reason: unknown) => reason,
  );
  return { error, ms: performance.now() - started };
}

export const succeeds = (run: Promise<unknown>) =>
  run.then(
    () => true,
    () => false,
  );
