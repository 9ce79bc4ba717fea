import { createRedisStore } from '@ganomede/events-store-redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Child } from './support/child.js';
import { RedisServer } from './support/redis-server.js';

const ROUNDS = 10;
const SERVERS = 2;
const PUBLISHERS = 32;
const EACH = 10;
const FOLLOWERS = 4;
const TOTAL = SERVERS * PUBLISHERS * EACH;

interface Report {
  readonly published: number[][];
  readonly followed: number[][];
}

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(() => redis?.stop());

describe('two servers on one Redis', () => {
  it(`deliver every event of ${SERVERS * PUBLISHERS} publishers once and in order to ${SERVERS * FOLLOWERS} consumers, ${ROUNDS} times`, async () => {
    const children = Array.from(
      { length: SERVERS },
      (_, n) =>
        new Child('participant.mjs', [
          redis.url,
          `server-${n}`,
          ...[PUBLISHERS, EACH, FOLLOWERS, TOTAL].map(String),
        ]),
    );
    const store = await createRedisStore({ url: redis.url });
    try {
      await Promise.all(children.map((child) => child.line(0)));
      for (let round = 1; round <= ROUNDS; round++) {
        const channel = `race/${round}`;
        for (const child of children) child.process.stdin.write(`${channel}\n`);
        const lines = await Promise.all(children.map((child) => child.line(round)));
        const reports = lines.map((line) => JSON.parse(line) as Report);
        const expected = Array.from({ length: TOTAL }, (_, i) => i + 1);

        const published = reports.flatMap((report) => report.published);
        expect(published.flat().sort((a, b) => a - b)).toEqual(expected);
        for (const ids of published) expect(ids).toEqual([...ids].sort((a, b) => a - b));
        for (const ids of reports.flatMap((report) => report.followed)) expect(ids).toEqual(expected);

        // What an acknowledgement said is what is stored, under the right type.
        const { events } = await store.read({ channel, after: 0, limit: TOTAL });
        for (const [server, report] of reports.entries()) {
          for (const [publisher, ids] of report.published.entries()) {
            expect(ids.map((id) => events[id - 1])).toMatchObject(
              ids.map((id, n) => ({ id, from: `server-${server}`, data: { publisher, n } })),
            );
          }
        }
        const typed = await store.read({ channel: `${channel}:type-1`, after: 0, limit: TOTAL });
        expect(typed.events).toEqual(events.filter(({ type }) => type === 'type-1'));
      }
    } finally {
      await store.close();
      await Promise.all(children.map((child) => child.kill()));
    }
  });
});
