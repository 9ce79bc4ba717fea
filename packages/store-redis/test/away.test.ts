import { RedisServer, until } from '@ganomede/events-testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { event, events, failure, ids, openStore } from './support/stores.js';

const AWAY = { name: 'EventsError', code: 'ServiceUnavailable' };
const LONG_MS = 15_000;
/** Far below every time-out; it takes a few, but the machine may be busy. */
const AT_ONCE_MS = 500;
/** Nobody looks for lost notifications: what is found is found without that. */
const NEVER_MS = 1_000_000;

let redis: RedisServer;
beforeEach(async () => {
  redis = await RedisServer.start();
});
afterEach(() => redis?.stop());

describe('while Redis is away', () => {
  it('everything new fails at once, and what waits waits on or ends empty at its time', async () => {
    const warnings: string[] = [];
    const store = await openStore({
      url: redis.url,
      checkNotificationsMs: NEVER_MS,
      onWarning: (message) => warnings.push(message),
    });
    const channel = 'away';
    await store.append(channel, events(3));
    const [from3, from0] = [3, 0].map((after) => ({ channel: after ? channel : 'quiet', after, limit: 10 }));
    const long = Array.from({ length: 50 }, () => store.poll(from3 as never, { timeoutMs: LONG_MS }));
    await until('polls wait', () => store.waiting === 50);
    const short = store.poll(from0 as never, { timeoutMs: 700 });
    await until('polls wait', () => store.waiting === 51);

    await redis.kill();
    await until('the store has noticed', () => warnings.some((message) => message.startsWith('Lost')));
    for (const attempt of [
      () => store.append(channel, [event(4)]),
      () => store.read({ channel, after: 0, limit: 1 }),
      () => store.poll({ channel, after: 3, limit: 1 }, { timeoutMs: LONG_MS }),
      () => store.poll({ channel: 'another', after: 0, limit: 1 }, { timeoutMs: LONG_MS }),
      () => store.loadCursor('mailer', channel),
      () => store.saveCursor('mailer', channel, 1),
      () => store.ping(),
    ]) {
      const { error, ms } = await failure(attempt());
      expect(error).toMatchObject(AWAY);
      expect(ms).toBeLessThan(AT_ONCE_MS);
    }
    expect(await short).toMatchObject({ count: 0 });
    expect(store.waiting).toBe(50);

    // Back, and empty: the cursors of those who wait are ahead of it.
    await redis.restart();
    await until('the store is back', () => warnings.some((message) => message.startsWith('Connected')));
    await store.ping();
    await until('the polls have looked', async () => ((await redis.commandCounts()).get('lrange') ?? 0) > 0);
    expect(await store.append(channel, [event(1)])).toMatchObject([{ id: 1 }]);
    for (const batch of await Promise.all(long))
      expect(batch).toMatchObject({ lastId: 1, events: [{ id: 1 }] });
    expect(store.waiting).toBe(0);
  });

  it('opening fails in time and names the address, not the password', async () => {
    await redis.kill();
    const url = `redis://user:secret-1234@127.0.0.1:${redis.port}/0`;
    const { error, ms } = await failure(openStore({ url, connectTimeoutMs: 200 }));
    expect(error).toMatchObject(AWAY);
    expect((error as Error).message).toMatch(
      `Cannot connect to Redis at 127.0.0.1:${redis.port}: connect ECONNREFUSED`,
    );
    expect(JSON.stringify(error) + String((error as Error).stack)).not.toContain('secret-1234');
    expect(ms).toBeLessThan(1_000);
    const cluster = await failure(openStore({ cluster: [`127.0.0.1:${redis.port}`], connectTimeoutMs: 200 }));
    expect(cluster.error).toMatchObject(AWAY);
    expect((cluster.error as Error).message).toContain(`127.0.0.1:${redis.port}`);
  });
});

it('goes on when the subscriber connections alone are cut, with what came in the meantime', async () => {
  const store = await openStore({ url: redis.url, checkNotificationsMs: NEVER_MS });
  const publisher = await openStore({ url: redis.url });
  const channels = Array.from({ length: 20 }, (_, n) => `cut/${n}`);
  for (let round = 1; round <= 3; round++) {
    const polls = channels.map((channel) =>
      store.poll({ channel, after: round - 1, limit: 10 }, { timeoutMs: LONG_MS }),
    );
    await until('polls wait', () => store.waiting === channels.length);
    // In one transaction: no subscription can be back before the events.
    expect(await redis.admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub')).toBeGreaterThan(0);
    await Promise.all(channels.map((channel) => publisher.append(channel, [event(round)])));
    for (const batch of await Promise.all(polls)) expect(ids(batch)).toEqual([round]);
  }
});

it('strands nobody when Redis is emptied', async () => {
  const store = await openStore({ url: redis.url, checkNotificationsMs: 20 });
  await store.append('emptied', events(5));
  const poll = store.poll({ channel: 'emptied', after: 5, limit: 10 }, { timeoutMs: LONG_MS });
  await until('the poll waits', () => store.waiting === 1);
  await redis.admin.flushall();
  await redis.admin.config('RESETSTAT');
  // It is noticed that nothing is there, and the poll reads once more.
  await until('the poll has looked', async () => ((await redis.commandCounts()).get('lrange') ?? 0) > 0);
  await until('the poll waits again', () => store.waiting === 1);
  expect(await store.append('emptied', [event(1)])).toMatchObject([{ id: 1 }]);
  expect(await poll).toMatchObject({ events: [{ id: 1 }], lastId: 1 });
});

it('fails fast while Redis hangs, and goes on when it answers', async () => {
  const store = await openStore({ url: redis.url, commandTimeoutMs: 1_000 });
  await store.append('hung', [event(1)]);
  redis.pause();
  const first = await failure(store.read({ channel: 'hung', after: 0, limit: 1 }));
  expect(first.error).toMatchObject(AWAY);
  for (const attempt of [
    () => store.append('hung', [event(2)]),
    () => store.read({ channel: 'hung', after: 0, limit: 1 }),
    () => store.poll({ channel: 'hung', after: 1, limit: 1 }, { timeoutMs: LONG_MS }),
    () => store.ping(),
  ]) {
    const { error, ms } = await failure(attempt());
    expect(error).toMatchObject(AWAY);
    expect(ms).toBeLessThan(AT_ONCE_MS);
  }
  redis.resume();
  await until('it answers', () =>
    store.ping().then(
      () => true,
      () => false,
    ),
  );
  expect(await store.append('hung', [event(2)])).toMatchObject([{ id: 2 }]);
});

it('tells whoever asks that Redis hangs before a command does', async () => {
  const store = await openStore({ url: redis.url });
  await store.append('hung', [event(1)]);
  redis.pause();
  const read = store.read({ channel: 'hung', after: 0, limit: 1 }).catch(() => 'read');
  const ping = failure(store.ping()).then(({ error }) => error);
  expect(await Promise.race([read, ping])).toMatchObject(AWAY);
  redis.resume();
});

it('does not mind SCRIPT FLUSH in the middle', async () => {
  const store = await openStore({ url: redis.url });
  let running = true;
  const flushing = (async () => {
    while (running) await redis.admin.script('FLUSH');
  })();
  const appends = await Promise.all(
    Array.from({ length: 40 }, async (_, channel) => {
      const given: number[] = [];
      for (let n = 1; n <= 25; n++) {
        const [header] = await store.append(`flush/${channel}`, [event(n)]);
        given.push(header?.id ?? 0);
        await store.read({ channel: `flush/${channel}:add`, after: 0, limit: 5 });
      }
      return given;
    }),
  );
  running = false;
  await flushing;
  for (const [channel, given] of appends.entries()) {
    expect(given).toEqual(Array.from({ length: 25 }, (_, i) => i + 1));
    expect(await redis.admin.llen(`events:{flush/${channel}}:events`)).toBe(25);
  }
});
