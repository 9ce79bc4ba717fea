// Consumers that are killed with kill -9 in the middle of their work, and started again.

import { randomUUID } from 'node:crypto';
import { Client } from '@ganomede/events-client';
import { Process, until } from '@ganomede/events-testing';
import { expect, it } from 'vitest';
import { SECRET, Server } from './support/server.js';

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

/** Prints `<channel> <id>` for each event of several channels. Dies in the handler of DIES_AT, if there is one. */
const CHANNELS = `
import { Client } from '@ganomede/events-client';
const client = Client.fromEnv('worker');
for (const name of process.env.CHANNEL.split(' ')) {
  client.on(name, ({ id }, channel) => {
    const line = channel + ' ' + id;
    console.log(line);
    if (line === process.env.DIES_AT) process.kill(process.pid, 'SIGKILL');
  });
}
`;

function consume(code: string, server: Server, channel: string, diesAt = ''): Process {
  return new Process(process.execPath, ['--input-type=module', '-e', code], {
    cwd: import.meta.dirname,
    env: { ...server.env, CHANNEL: channel, DIES_AT: diesAt },
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

/** What has come of a channel. */
const of = (channel: string, { lines }: Process) =>
  lines.flatMap((line) => (line.startsWith(`${channel} `) ? [Number(line.split(' ')[1])] : []));

/** Which event of a channel the worker has acknowledged last; 0 if none. */
async function acknowledged({ env }: Server, channel: string): Promise<number> {
  const query = new URLSearchParams({ clientId: 'worker', channel, limit: '1', timeout: '0' });
  const answer = await fetch(`${env.EVENTS_URL}/events/v1/events?${query}`, {
    headers: { Authorization: `Bearer ${SECRET}` },
  });
  const [next] = (await answer.json()) as { id: number }[];
  return next === undefined ? Number(answer.headers.get('events-last-id')) : next.id - 1;
}

it('handlers of channels that share a connection skip none, and get nothing again that was acknowledged', async () => {
  await using server = await Server.start();
  const { EVENTS_URL: url, API_SECRET: secret } = server.env;
  await using publisher = new Client('publisher', { url, secret });
  const channels = ['a', 'b', 'c', 'd', 'e'];
  const ends = new Map(channels.map((channel) => [channel, { seen: 0, acknowledged: 0 }]));
  let published = 0;
  const publishOne = async () => {
    await Promise.all(channels.map((channel) => publisher.send(channel, { from: 'test', type: 'add' })));
    published += 1;
  };
  const isComplete = (consumer: Process) =>
    channels.every((channel) => of(channel, consumer).at(-1) === published);
  for (const wanted of [1, 60, 7, 130, 41]) {
    await using consumer = consume(CHANNELS, server, channels.join(' '));
    const before = ends.get('a')?.acknowledged ?? 0;
    const isEnough = async () =>
      consumer.lines.length >= wanted && (wanted === 1 || (await acknowledged(server, 'a')) > before);
    while (!(await isEnough())) await publishOne();
    await consumer.stop('SIGKILL');
    for (const channel of channels) {
      const seen = of(channel, consumer);
      const end = ends.get(channel) as { seen: number; acknowledged: number };
      expect(seen).toEqual(seen.map((_, n) => (seen[0] ?? 0) + n));
      // One that is killed soon need not have got to this channel.
      if (seen.length > 0) {
        expect(seen[0]).toBeLessThanOrEqual(end.seen + 1);
        expect(seen[0]).toBeGreaterThan(end.acknowledged);
        end.seen = Math.max(end.seen, seen.at(-1) ?? 0);
      }
      end.acknowledged = await acknowledged(server, channel);
      expect(end.acknowledged).toBeLessThanOrEqual(end.seen);
    }
  }
  {
    await using consumer = consume(CHANNELS, server, channels.join(' '));
    await consumer.until(() => isComplete(consumer));
    for (const channel of channels)
      await until('all is acknowledged', async () => (await acknowledged(server, channel)) === published);
    await consumer.stop('SIGKILL');
  }
  await using consumer = consume(CHANNELS, server, channels.join(' '));
  await publishOne();
  await consumer.until(() => isComplete(consumer));
  expect([...consumer.lines].sort()).toEqual(channels.map((channel) => `${channel} ${published}`));
});

it('of channels that share a connection exactly the reply comes again in which a handler was killed', async () => {
  await using server = await Server.start();
  const { EVENTS_URL: url, API_SECRET: secret } = server.env;
  await using publisher = new Client('publisher', { url, secret });
  const event = { from: 'test', type: 'add' };
  const publishSix = (channel: string) => publisher.sendBatch(channel, Array(6).fill(event));
  await publishSix('a');
  await publishSix('b');
  {
    await using consumer = consume(CHANNELS, server, 'a b', 'a 4');
    expect(await consumer.exited()).toBe(null);
    expect(of('a', consumer)).toEqual([1, 2, 3, 4]);
  }
  {
    await using consumer = consume(CHANNELS, server, 'a b', 'a 10');
    for (const channel of ['a', 'b']) {
      await consumer.until(() => of(channel, consumer).includes(6));
      await until('it is acknowledged', async () => (await acknowledged(server, channel)) === 6);
    }
    await publishSix('a');
    expect(await consumer.exited()).toBe(null);
    expect(of('a', consumer)).toEqual(upTo(10));
  }
  await using consumer = consume(CHANNELS, server, 'a b');
  await publishSix('b');
  await consumer.until(() => of('a', consumer).includes(12) && of('b', consumer).includes(12));
  for (const channel of ['a', 'b']) expect(of(channel, consumer)).toEqual([7, 8, 9, 10, 11, 12]);
});
