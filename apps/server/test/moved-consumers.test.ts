// Consumers that run on while this server takes the place of an original: they have cursors in memory, and tell no epochs.

import type { AddressInfo } from 'node:net';
import type { Event } from '@ganomede/events-protocol';
import { buildApp } from '@ganomede/events-server';
import type { EventStore } from '@ganomede/events-store';
import { createRedisStore, migrateOriginal, openRedisStorage } from '@ganomede/events-store-redis';
import { RedisServer } from '@ganomede/events-testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { BEARER, SECRET } from './support/server.js';

const CHANNEL = 'orders';

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(() => redis?.stop());
beforeEach(() => redis.admin.flushall());

interface Moved {
  readonly store: EventStore;
  /** What a read answers: ids, and what `Events-Rewound` says. */
  read(after?: number): Promise<[ids: number[], rewound: string | null]>;
}

/** A server on the Redis as it is. */
async function serve(): Promise<Moved> {
  const store = await createRedisStore({ url: redis.url });
  const app = buildApp({ store, config: { apiSecret: SECRET, pollTimeoutMs: 10_000 } });
  await app.listen({ port: 0, host: '127.0.0.1' });
  onTestFinished(async () => {
    await app.close();
    await store.close();
  });
  const { port } = app.server.address() as AddressInfo;
  const read = async (after?: number): Promise<[number[], string | null]> => {
    const query = new URLSearchParams({ clientId: 'who:runs:on', channel: CHANNEL, timeout: '0' });
    if (after !== undefined) query.set('after', String(after));
    const answer = await fetch(`http://127.0.0.1:${port}/events/v1/events?${query}`, { headers: BEARER });
    const events = (await answer.json()) as Event[];
    return [events.map(({ id }) => id), answer.headers.get('Events-Rewound')];
  };
  return { store, read };
}

const publish = ({ store }: Moved, count: number) =>
  store.append(
    CHANNEL,
    Array.from({ length: count }, () => ({ from: 'test', type: 'add' })),
  );

describe('a consumer that runs on, without the data of the original,', () => {
  it('goes back to the first event if it never read here and is ahead, and is told so', async () => {
    const moved = await serve();
    await publish(moved, 3);
    for (const _ of ['lost on its way', 'received']) {
      expect(await moved.read(5)).toEqual([[1, 2, 3], '5; 0']);
    }
    expect(await moved.read(3)).toEqual([[], null]);
    await publish(moved, 1);
    expect(await moved.read()).toEqual([[4], null]);
  });

  it('is remembered if it was ahead once, whichever ids are given then', async () => {
    const moved = await serve();
    expect(await moved.read(5)).toEqual([[], '5; 0']);
    await publish(moved, 7);
    expect(await moved.read(5)).toEqual([[1, 2, 3, 4, 5, 6, 7], '5; 0']);
    expect(await moved.read(7)).toEqual([[], null]);
  });
});

describe('a consumer that runs on, with the data of the original,', () => {
  /** Four events and the cursor of the consumer, which saw 2 then. */
  async function move(saved: number | undefined): Promise<Moved> {
    for (const id of [1, 2, 3, 4]) {
      const key = `${CHANNEL}:${id}`;
      await redis.admin.set(
        key,
        JSON.stringify({ id, timestamp: 1_429_084_000_000 + id, type: 'add', from: 'test' }),
      );
      await redis.admin.zadd(`${CHANNEL}:keys`, id, key);
    }
    await redis.admin.set(`indices:${CHANNEL}`, '4');
    if (saved !== undefined) await redis.admin.set(`last-fetched:who:runs:on:${CHANNEL}`, String(saved));
    const storage = await openRedisStorage({ url: redis.url });
    try {
      await migrateOriginal({ from: { url: redis.url }, to: storage, settleMs: 1 });
    } finally {
      await storage.close();
    }
    return serve();
  }

  it('goes on where it was', async () => {
    const moved = await move(2);
    expect(await moved.read(3)).toEqual([[4], null]);
    await publish(moved, 2);
    expect(await moved.read(4)).toEqual([[5, 6], null]);
    expect(await moved.read(6)).toEqual([[], null]);
  });

  it('and was away goes on where it had said to be', async () => {
    const moved = await move(2);
    expect(await moved.read()).toEqual([[3, 4], null]);
  });

  it('goes back to the end of what was brought if it has seen more, whichever ids were given since', async () => {
    const moved = await move(2);
    await publish(moved, 4);
    expect(await moved.read(6)).toEqual([[5, 6, 7, 8], '6; 4']);
    expect(await moved.read(8)).toEqual([[], null]);
  });

  it('does so too if it never saved a cursor, while it is ahead', async () => {
    const moved = await move(undefined);
    await publish(moved, 2);
    expect(await moved.read(9)).toEqual([[5, 6], '9; 4']);
    expect(await moved.read(6)).toEqual([[], null]);
  });
});
