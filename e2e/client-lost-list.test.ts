import { Client, type RequestError } from '@ganomede/events-client';
import { RedisServer, RestartableServer } from '@ganomede/events-testing';
import { expect, it, onTestFinished } from 'vitest';

const SECRET = 'a secret of the end-to-end tests';

it('a client is told of events whose list was deleted in Redis, and receives what follows', async () => {
  await using redis = await RedisServer.start();
  await using server = await RestartableServer.start({
    EVENTS_STORE: 'redis',
    REDIS_URL: redis.url,
    API_SECRET: SECRET,
  });
  const open = (id: string) => {
    const client = new Client(id, { url: server.url, secret: SECRET });
    onTestFinished(() => client.close());
    return client;
  };
  const publisher = open('publisher');
  const event = { from: 'test', type: 'add' };
  for (let n = 1; n <= 4; n++) await publisher.send('orders', event);

  const reader = open('reader');
  const errors: RequestError[] = [];
  reader.on('error', (error) => errors.push(error));
  const stream = reader.stream('orders', { after: 2 });
  await redis.admin.del('events:{orders}:events');
  const next = stream.next();
  await publisher.send('orders', event);
  expect((await next).value).toMatchObject({ id: 5 });
  expect(errors.map(({ code, position }) => [code, position])).toEqual([
    ['EventsMissed', { after: 2, firstId: 5, lastId: 5 }],
  ]);
});
