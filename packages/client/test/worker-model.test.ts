// Sixty-four workers of one group against a model that knows what each may be given.

import { randomUUID } from 'node:crypto';
import http from 'node:http';
import { expect, it } from 'vitest';
import { Client } from '../src/index.js';
import { startRealServer } from './real-server.js';
import { cleanUp } from './setup.js';

const SECRET = 'a secret of the tests';
const CLIENTS = 8;
const WORKERS = 64;
const EVENTS = 400;
const VALUES = 40;
const MAX_DELIVERIES = 3;

/** What a handler does with one delivery. */
type Act = 'finish' | 'fail' | 'release' | 'reject';

interface Plan {
  readonly value: number;
  readonly acts: readonly Act[];
  /** How long a delivery takes. */
  readonly ms: number;
}

/** Of every ten deliveries four do not finish their event. */
const ACTS: readonly Act[] = [...Array<Act>(6).fill('finish'), 'fail', 'fail', 'release', 'reject'];

function plansOf(seed: number): Plan[] {
  let state = seed;
  // A linear congruential generator, with the numbers of Numerical Recipes.
  const below = (most: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * most);
  };
  return Array.from({ length: EVENTS }, () => ({
    value: below(VALUES),
    acts: Array.from({ length: MAX_DELIVERIES }, () => ACTS[below(ACTS.length)] as Act),
    ms: below(4),
  }));
}

interface Modelled {
  readonly value: string;
  deliveries: number;
  state: 'waiting' | 'running' | 'finished' | 'dead';
}

it('give each event to one of them at a time, in the order of its value, until it is finished or dead', async () => {
  const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
  console.warn(`workers against the model: SEED=${seed}`);
  const plans = plansOf(seed);
  const url = await startRealServer(SECRET);
  const channel = randomUUID();
  const clients = Array.from({ length: CLIENTS }, (_, n) => {
    const agent = new http.Agent({ keepAlive: true });
    const client = new Client(`worker-${n}`, { url, secret: SECRET, agent });
    cleanUp(() => client.close());
    return client;
  });
  const [publisher] = clients as [Client];
  /** By id - 1. */
  const model = plans.map(({ value }): Modelled => ({ value: `${value}`, deliveries: 0, state: 'waiting' }));
  const violations: string[] = [];
  const expectOf = (holds: boolean, id: number, problem: string) => {
    if (!holds) violations.push(`event ${id}: ${problem}`);
  };
  const isOver = ({ state }: Modelled) => state === 'finished' || state === 'dead';
  const dead: number[] = [];
  const failed: unknown[] = [];

  const options = {
    group: 'g',
    order: 'data.value',
    maxDeliveries: MAX_DELIVERIES,
    backoffMs: [0, 2],
    leaseMs: 60_000,
  };
  for (let n = 0; n < WORKERS; n += 1) {
    const client = clients[n % CLIENTS] as Client;
    const worker = client.work(
      channel,
      { ...options, concurrency: 1 + (n % 4) },
      async ({ id }, delivery) => {
        const event = model[id - 1] as Modelled;
        const { acts, ms } = plans[id - 1] as (typeof plans)[0];
        event.deliveries += 1;
        expectOf(event.state === 'waiting', id, `given to a worker while it is ${event.state}`);
        expectOf(
          delivery.count === event.deliveries,
          id,
          `delivery ${event.deliveries} counts as ${delivery.count}`,
        );
        const before = model.slice(0, id - 1).filter(({ value }) => value === event.value);
        expectOf(before.every(isOver), id, 'given to a worker before others of its value are over');
        event.state = 'running';
        await new Promise((resolve) => setTimeout(resolve, ms));
        expectOf(!delivery.signal.aborted, id, 'lost');
        const does = acts[delivery.count - 1];
        const isLast = delivery.count === MAX_DELIVERIES;
        event.state = does === 'finish' ? 'finished' : does === 'reject' || isLast ? 'dead' : 'waiting';
        if (does === 'release') delivery.release(1);
        if (does === 'reject') delivery.reject(`rejected ${id}`);
        if (does === 'fail') throw new Error(`failed ${id}`);
      },
    );
    worker.on('dead', ({ id }) => dead.push(id));
    worker.on('failed', (_event, error) => failed.push(error));
  }
  for (let n = 0; n < EVENTS; n += 50) {
    const events = model
      .slice(n, n + 50)
      .map(({ value }) => ({ from: 'test', type: 'add', data: { value } }));
    await publisher.sendBatch(channel, events);
  }
  await expect.poll(() => violations.length > 0 || model.every(isOver), { timeout: 60_000 }).toBe(true);
  expect(violations).toEqual([]);
  await Promise.all(clients.slice(1).map((client) => client.close()));
  const buried = model.flatMap(({ state }, i) => (state === 'dead' ? [i + 1] : []));
  await expect.poll(() => [...dead].sort((a, b) => a - b)).toEqual(buried);
  const letters = await publisher.getLatestEvents(`${channel}.dead-letters`, EVENTS);
  expect(letters.map(({ data }) => data.event.id).sort((a, b) => a - b)).toEqual(buried);
  const [state] = await publisher.groups(channel);
  expect(state).toMatchObject({ pending: 0, heldBack: 0, deadLetters: buried.length, after: EVENTS });
  expect(failed.filter((error) => !/^Error: failed \d+$/.test(String(error)))).toEqual([]);
}, 90_000);
