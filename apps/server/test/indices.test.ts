import type { ReadIndexReply } from '@ganomede/events-protocol';
import { expect, it } from 'vitest';
import { json, randomChannel, startServer } from './support/server.js';

it('an answer that may not be all says where the next page begins', async () => {
  const server = await startServer({ maxLimit: 2 });
  const channel = randomChannel();
  for (let i = 0; i < 5; i++) await server.publish(channel, { name: 'alice' });
  await server.fetch('/indices', json({ id: 'names', channel, field: 'data.name' }));
  const read = async (query: string) => {
    const { rows, next } = (await (
      await server.fetch(`/indices/names/alice${query}`)
    ).json()) as ReadIndexReply;
    return { ids: rows.map(({ id }) => id), next };
  };
  expect(await read('')).toEqual({ ids: [5, 4], next: 4 });
  expect(await read('?before=4')).toEqual({ ids: [3, 2], next: 2 });
  expect(await read('?before=2')).toEqual({ ids: [1], next: undefined });
  expect(await read('?before=1')).toEqual({ ids: [], next: undefined });
});
