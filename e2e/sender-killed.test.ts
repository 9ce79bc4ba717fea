// Senders that are killed with kill -9 in the middle of sends that share requests, and started again.

import { join } from 'node:path';
import {
  HoldingProxy,
  Process,
  RedisServer,
  RestartableServer,
  TemporaryFolder,
  until,
} from '@ganomede/events-testing';
import { describe, expect, it } from 'vitest';
import { allEvents } from './support/all-events.js';
import { SECRET } from './support/server.js';

const CHANNELS = ['a', 'b', 'c'];

/**
 * Sends numbered events to each channel, 40 at a time and without a pause, from the number in NEXT on. Prints `<channel> <number> <id>`
 * for each that is stored, in the order of the answers. With KEYED each has a key of its own.
 */
const SENDER = `
import { Client } from '@ganomede/events-client';
const client = Client.fromEnv('sender');
const { NEXT, RUN, KEYED } = process.env;
for (const [channel, first] of Object.entries(JSON.parse(NEXT))) {
  let next = first;
  const send = async () => {
    for (;;) {
      const n = next++;
      const options = KEYED === 'yes' ? { idempotencyKey: 'number ' + n } : {};
      const event = { from: 'test', type: 'add', data: { run: Number(RUN), n } };
      const { id } = await client.send(channel, event, options);
      console.log(channel, n, id);
    }
  };
  for (let i = 0; i < 40; i += 1) send();
}
`;

interface Answered {
  readonly n: number;
  readonly id: number;
}

/** A sender as a process. What it sends without a key tells the run; what has a key is the same in every run. */
class Sender implements AsyncDisposable {
  readonly #process: Process;

  constructor(url: string, next: Readonly<Record<string, number>>, run?: number) {
    this.#process = new Process(process.execPath, ['--input-type=module', '-e', SENDER], {
      cwd: import.meta.dirname,
      env: {
        EVENTS_URL: url,
        API_SECRET: SECRET,
        NEXT: JSON.stringify(next),
        RUN: `${run ?? 0}`,
        KEYED: run === undefined ? 'yes' : 'no',
      },
    });
  }

  /** Kills it once it has said so often that something is stored: more is always under way. */
  async killAfter(count: number): Promise<void> {
    await this.#process.until(() => this.#process.lines.length >= count);
    await this.#process.stop('SIGKILL');
  }

  /** What it has said before it ended to be stored in a channel. */
  answered(channel: string): Answered[] {
    return this.#process.lines.flatMap((line) => {
      const [name, n, id] = line.split(' ');
      return name === channel ? [{ n: Number(n), id: Number(id) }] : [];
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
  }
}

const from1 = (count: number) => Array.from({ length: count }, (_, n) => n + 1);
const fromNumber1 = Object.fromEntries(CHANNELS.map((channel) => [channel, 1]));

async function startServer(store: 'embedded' | 'Redis') {
  const folder = new TemporaryFolder();
  const redis = store === 'Redis' ? await RedisServer.start() : undefined;
  const env = redis
    ? { EVENTS_STORE: 'redis', REDIS_URL: redis.url }
    : { EVENTS_STORE: 'embedded', DATA_DIR: join(folder.path, 'data') };
  const server = await RestartableServer.start({ API_SECRET: SECRET, ...env });
  return {
    url: server.url,
    port: server.port,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await redis?.stop();
      folder.remove();
    },
  };
}

describe.each(['embedded', 'Redis'] as const)('a sender that is killed, %s', (store) => {
  it('has stored everything that it said, once, in the order of the calls, and nothing behind a gap', async () => {
    await using server = await startServer(store);
    const answered: Answered[][][] = [];
    for (const [run, count] of [1, 100, 333, 1_000].entries()) {
      await using sender = new Sender(server.url, fromNumber1, run);
      await sender.killAfter(count);
      answered.push(CHANNELS.map((channel) => sender.answered(channel)));
    }
    for (const [c, channel] of CHANNELS.entries()) {
      const events = await allEvents(server.url, channel);
      for (const [run, ofChannels] of answered.entries()) {
        const said = ofChannels[c] as Answered[];
        const stored = events.filter(({ data }) => data.run === run);
        expect(stored.map(({ data }) => data.n)).toEqual(from1(stored.length));
        expect(said.map(({ n }) => n)).toEqual(from1(said.length));
        expect(stored.slice(0, said.length).map(({ id }) => id)).toEqual(said.map(({ id }) => id));
      }
    }
  });

  it('and sends again what it does not know to be stored, under keys of its own: each is stored once, in order', async () => {
    await using server = await startServer(store);
    const next = { ...fromNumber1 };
    const said = new Map(CHANNELS.map((channel) => [channel, [] as Answered[]]));
    for (const count of [1, 90, 301, 120]) {
      await using sender = new Sender(server.url, next);
      await sender.killAfter(count);
      for (const [channel, all] of said) {
        all.push(...sender.answered(channel));
        next[channel] = all.length + 1;
      }
    }
    for (const [channel, all] of said) {
      const events = await allEvents(server.url, channel);
      expect(events.map(({ data }) => data.n)).toEqual(from1(events.length));
      expect(all).toEqual(events.slice(0, all.length).map(({ id, data }) => ({ n: data.n, id })));
    }
  });

  it('when a shared request is stored and its answer on its way: so it is when that is sent again', async () => {
    await using server = await startServer(store);
    await using proxy = await HoldingProxy.start(server.port);
    proxy.hold();
    const firstAre = async (count: number) =>
      (await Promise.all(CHANNELS.map((channel) => allEvents(server.url, channel)))).every(
        (events) => events.length === count,
      );
    {
      await using sender = new Sender(proxy.url, fromNumber1);
      await until('all that was sent together is stored', () => firstAre(40));
      await sender.killAfter(0);
      expect(CHANNELS.flatMap((channel) => sender.answered(channel))).toEqual([]);
    }
    proxy.release();
    await using sender = new Sender(proxy.url, fromNumber1);
    await sender.killAfter(500);
    for (const channel of CHANNELS) {
      const events = await allEvents(server.url, channel);
      expect(events.map(({ data }) => data.n)).toEqual(from1(events.length));
      expect(events.length).toBeGreaterThan(40);
    }
  });
});
