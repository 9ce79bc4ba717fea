import { describe, expect, it } from 'vitest';
import { json, randomChannel, startServer } from './support/server.js';

const event = { from: 'f', type: 't' };

describe('expectedLastId', () => {
  it('stores an event, or several, if it is the newest id, and else answers 409 with that', async () => {
    const server = await startServer();
    const channel = randomChannel();
    const publish = async (body: object) => {
      const response = await server.fetch('/events', json({ clientId: 'c', channel, ...body }));
      return [response.status, await response.json()];
    };
    expect(await publish({ ...event, expectedLastId: 0 })).toMatchObject([200, { id: 1 }]);
    const message = `Invalid expectedLastId: expected the newest id of "${channel}", which is 1, got 0`;
    const refusal = { code: 'UnexpectedLastId', message, lastId: 1 };
    expect(await publish({ ...event, expectedLastId: 0 })).toEqual([409, refusal]);
    expect(await publish({ events: [event, event], expectedLastId: 0 })).toEqual([409, refusal]);
    expect(await publish({ events: [event, event], expectedLastId: 1 })).toMatchObject([
      200,
      [{ id: 2 }, { id: 3 }],
    ]);
    expect(await publish({ ...event, channel: `${channel}:x`, expectedLastId: 3 })).toMatchObject([
      409,
      { lastId: 0 },
    ]);
    expect(await publish({ ...event, channel: `${channel}:x`, expectedLastId: 0 })).toMatchObject([
      200,
      { id: 4 },
    ]);
  });

  it('is of each append by itself, as it is when its turn comes', async () => {
    const server = await startServer();
    const channel = randomChannel();
    const append = (expectedLastId: number | undefined, more: object = {}) => ({
      channel,
      events: [event],
      expectedLastId,
      ...more,
    });
    const appends = [append(0, { key: 'k' }), append(0), append(1), append(undefined), append(2), append(3)];
    const send = async () =>
      (await (await server.fetch('/appends', json({ clientId: 'c', appends }))).json()) as {
        results: unknown[];
      };
    const { results } = await send();
    const refused = (lastId: number) => ({ error: { code: 'UnexpectedLastId', lastId } });
    expect(results).toMatchObject([
      { headers: [{ id: 1 }] },
      refused(1),
      { headers: [{ id: 2 }] },
      { headers: [{ id: 3 }] },
      refused(3),
      { headers: [{ id: 4 }] },
    ]);
    // The first is known again by its key, whatever the newest id is.
    expect((await send()).results[0]).toEqual(results[0]);
  });

  it.each([-1, 1.5, '0', null, 2 ** 53])('is refused: %j', async (expectedLastId) => {
    const server = await startServer();
    const channel = randomChannel();
    for (const body of [event, { events: [event] }]) {
      const response = await server.fetch(
        '/events',
        json({ clientId: 'c', channel, ...body, expectedLastId }),
      );
      expect(response.status).toBe(400);
      const { message } = (await response.json()) as { message: string };
      expect(message).toMatch(/^Invalid expectedLastId: expected an integer from 0, .*, got /);
    }
    const appends = [{ channel, events: [event], expectedLastId }];
    const response = await server.fetch('/appends', json({ clientId: 'c', appends }));
    expect(await response.json()).toMatchObject({ results: [{ error: { code: 'InvalidContent' } }] });
    expect(await server.read(channel, { after: 0, timeout: 0 })).toEqual([]);
  });
});
