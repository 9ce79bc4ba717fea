// Consumers that are killed with kill -9 in the middle of their work, and started again.

import { randomUUID } from 'node:crypto';
import { Client } from '@ganomede/events-client';
import { Process } from '@ganomede/events-testing';
import { expect, it } from 'vitest';
import { Server } from './support/server.js';

const EVENTS = 120;

/** Prints `begin <id>` and `end <id>` around each event, with some time in between. */
const STREAM = `
import { Client } from '@ganomede/events-client';
const client = Client.fromEnv('worker', { limit: 7 });
for await (const { id } of client.stream(process.env.CHANNEL)) {
  console.log('begin ' + id);
  await new Promise((resolve) => setTimeout(resolve, 5));
  console.log('end ' + id);
}
`;

/** Prints `end <id>` for each event. */
const HANDLER = `
import { Client } from '@ganomede/events-client';
const client = Client.fromEnv('worker', { limit: 7 });
client.on(process.env.CHANNEL, ({ id }) => {
  const until = performance.now() + 3;
  while (performance.now() < until);
  console.log('end ' + id);
});
`;

function consume(code: string, server: Server, channel: string): Process {
  return new Process(process.execPath, ['--input-type=module', '-e', code], {
    cwd: import.meta.dirname,
    env: { ...server.env, CHANNEL: channel },
  });
}

async function publish(server: Server): Promise<string> {
  const channel = randomUUID();
  const { EVENTS_URL: url, API_SECRET: secret } = server.env;
  await using client = new Client('publisher', { url, secret });
  await client.sendBatch(
    channel,
    Array.from({ length: EVENTS }, (_, n) => ({ from: 'test', type: 'add', data: { n } })),
  );
  return channel;
}

const ids = (lines: readonly string[], word: 'begin' | 'end') =>
  lines.flatMap((line) => (line.startsWith(`${word} `) ? [Number(line.slice(word.length + 1))] : []));
const upTo = (last: number) => Array.from({ length: last }, (_, n) => n + 1);

it('a loop over a stream finishes every event at least once, and begins again with the one it was killed in', async () => {
  await using server = await Server.start();
  const channel = await publish(server);
  const finished = new Set<number>();
  let killedIn: number | undefined;
  let rounds = 0;
  while (!finished.has(EVENTS)) {
    rounds += 1;
    await using consumer = consume(STREAM, server, channel);
    const wanted = 5 + ((rounds * 7) % 20);
    await consumer.until(
      () => ids(consumer.lines, 'begin').length >= wanted || ids(consumer.lines, 'end').includes(EVENTS),
    );
    await consumer.stop('SIGKILL');
    const begun = ids(consumer.lines, 'begin');
    // Nothing is skipped within a run, nor between two of them.
    expect(begun).toEqual(begun.map((_, n) => (begun[0] ?? 0) + n));
    if (killedIn !== undefined) expect(begun).toContain(killedIn);
    for (const id of ids(consumer.lines, 'end')) finished.add(id);
    killedIn = begun.find((id) => !finished.has(id));
  }
  expect(rounds).toBeGreaterThan(3);
  expect([...finished].sort((a, b) => a - b)).toEqual(upTo(EVENTS));
});

it('a handler skips none', async () => {
  await using server = await Server.start();
  const channel = await publish(server);
  let last = 0;
  let rounds = 0;
  while (last < EVENTS) {
    rounds += 1;
    await using consumer = consume(HANDLER, server, channel);
    const wanted = 5 + ((rounds * 7) % 20);
    await consumer.until(() => {
      const seen = ids(consumer.lines, 'end');
      return seen.length >= wanted || seen.at(-1) === EVENTS;
    });
    await consumer.stop('SIGKILL');
    const seen = ids(consumer.lines, 'end');
    expect(seen).toEqual(seen.map((_, n) => (seen[0] ?? 0) + n));
    expect(seen[0]).toBeLessThanOrEqual(last + 1);
    last = Math.max(last, seen.at(-1) ?? 0);
  }
  expect(rounds).toBeGreaterThan(3);
});

it('a consumer that is asked to stop repeats nothing', async () => {
  await using server = await Server.start();
  const channel = await publish(server);
  const seen: number[] = [];
  while (seen.length < EVENTS) {
    await using consumer = consume(
      `${HANDLER}\nprocess.once('SIGTERM', () => client.close());`,
      server,
      channel,
    );
    const wanted = Math.min(25, EVENTS - seen.length);
    await consumer.until(() => ids(consumer.lines, 'end').length >= wanted);
    expect(await consumer.stop('SIGTERM')).toBe(0);
    seen.push(...ids(consumer.lines, 'end'));
  }
  expect(seen).toEqual(upTo(EVENTS));
});
