import type { EventStore } from '@ganomede/events-store';
import { Process, RedisCluster, RedisServer } from '@ganomede/events-testing';
import { expect, it } from 'vitest';
import { openStore } from './support/stores.js';

const SERVERS = 2;
const PUBLISHERS = 32;
const EACH = 10;
const FOLLOWERS = 4;
const TOTAL = SERVERS * PUBLISHERS * EACH;

interface Report {
  readonly published: number[][];
  readonly followed: number[][];
}

const title = `${SERVERS * PUBLISHERS} publishers and ${SERVERS * FOLLOWERS} consumers on ${SERVERS} servers: every event once, in order`;

it(`${title}, 10 times`, async () => {
  const redis = await RedisServer.start();
  try {
    await race(redis.url, await openStore({ url: redis.url }), 10);
  } finally {
    await redis.stop();
  }
});

it(`${title}, on a cluster`, async () => {
  const cluster = await RedisCluster.start();
  try {
    await race(cluster.nodes.join(','), await openStore({ cluster: cluster.nodes }), 5);
  } finally {
    await cluster.stop();
  }
});

/** Servers in processes of their own; `store` looks at what they have stored. */
async function race(address: string, store: EventStore, rounds: number): Promise<void> {
  const counts = [PUBLISHERS, EACH, FOLLOWERS, TOTAL].map(String);
  const children = Array.from({ length: SERVERS }, (_, n) =>
    Process.node(new URL('children/participant.mjs', import.meta.url), [address, `server-${n}`, ...counts], {
      keepInputOpen: true,
    }),
  );
  try {
    await Promise.all(children.map((child) => child.line(0)));
    for (let round = 1; round <= rounds; round++) {
      const channel = `race/${round}`;
      for (const child of children) child.write(`${channel}\n`);
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
    await Promise.all(children.map((child) => child.stop('SIGKILL')));
  }
}
