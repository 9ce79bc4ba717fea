import { Process, RedisServer, until } from '@ganomede/events-testing';
import { expect, it } from 'vitest';

const script = new URL('../../../examples/plain-http/server.mjs', import.meta.url);

/** The example in a process of its own; `url` once it listens. */
async function startExample(redis: RedisServer) {
  const child = Process.node(script, [], { env: { REDIS_URL: redis.url, PORT: '0' } });
  const url = /^Listening on (\S+)$/.exec(await child.line(0))?.[1] ?? '';
  return { child, url };
}

it('the store works in a plain node:http server', async () => {
  const redis = await RedisServer.start('--appendonly', 'yes');
  const [one, two] = await Promise.all([startExample(redis), startExample(redis)]);
  try {
    const waiting = fetch(`${one.url}/users%2Fv1?after=0`);
    const published = await fetch(`${two.url}/users%2Fv1`, {
      method: 'POST',
      body: JSON.stringify({ from: 'me', type: 'add', data: { username: 'alice' } }),
    });
    const header = await published.json();
    expect(header).toMatchObject({ id: 1 });
    const event = { ...(header as object), from: 'me', type: 'add', data: { username: 'alice' } };
    expect(await (await waiting).json()).toEqual([event]);
    expect((await fetch(`${one.url}/users`, { method: 'POST', body: 'no JSON' })).status).toBe(400);

    const open = fetch(`${one.url}/quiet?after=0`);
    await until('it waits', async () => {
      const [, subscribers] = await redis.admin.pubsub('SHARDNUMSUB', 'events:{quiet}:new');
      return subscribers === 1;
    });
    one.child.kill('SIGTERM');
    expect(await (await open).json()).toEqual([]);
    expect(await one.child.exited()).toBe(0);
  } finally {
    await Promise.all([one, two].map(({ child }) => child.stop('SIGKILL')));
    await redis.stop();
  }
});
