import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EventStore, WorkerSettlement } from '../event-store.js';
import type { Received } from '../groups/receive.js';
import { search, searchTimeoutMs } from './search.js';
import { ALL, newChannel, type OpenStore, type StoreUnderTest } from './store-under-test.js';

const MAX_DELIVERIES = 3;
const MAX_PENDING = 6;
/** What some events are let wait; longer than a lease of a millisecond by any clock. */
const ENDED_MS = 3;

/**
 * `new`: the group has not looked at it. `held`: it waits behind another of its value. `due`: it may be handed out. `out`: a worker has
 * it. `ended`: it may be handed out again, since its lease has ended, and until then its worker may still acknowledge it.
 * `dying`: its dead letter is being written.
 */
type Status = 'new' | 'held' | 'due' | 'out' | 'ended' | 'dying' | 'done' | 'dead';

/** Of those that count as pending. */
const PENDING: readonly Status[] = ['due', 'out', 'ended', 'dying'];

interface ModelEvent {
  readonly id: number;
  readonly value: string | undefined;
  status: Status;
  count: number;
  token: string | undefined;
}

interface Delivered {
  readonly id: number;
  readonly token: string;
}

/** What each worker may see of one group. */
class Model {
  readonly channel = newChannel();
  readonly order: string | undefined;
  readonly events: ModelEvent[] = [];
  /** By worker, the latest last. */
  readonly deliveries = new Map<string, Delivered[]>();
  /** How many events have become dead letters, however often. */
  deaths = 0;
  /** The group has looked at every event up to here. */
  #after = 0;
  /** By value, those that are held back by it, the next one first. */
  readonly #held = new Map<string, ModelEvent[]>();

  constructor(order: string | undefined) {
    this.order = order;
  }

  event(id: number): ModelEvent {
    return this.events[id - 1] as ModelEvent;
  }

  count(...statuses: readonly Status[]): number {
    return this.events.filter(({ status }) => statuses.includes(status)).length;
  }

  /** What the group says of itself. */
  get state() {
    return {
      after: this.#after,
      pending: this.count(...PENDING),
      heldBack: this.count('held'),
      deadLetters: this.count('dead'),
      isFull: this.count(...PENDING) >= MAX_PENDING,
    };
  }

  #isBusy(value: string | undefined): boolean {
    return (
      value !== undefined && this.events.some((one) => one.value === value && PENDING.includes(one.status))
    );
  }

  #isDue(id: number): boolean {
    return ['due', 'ended'].includes(this.event(id).status);
  }

  /** They go before what is held back, however many are pending. `ids`: ascending. */
  redriven(ids: readonly number[]): void {
    const behind: ModelEvent[] = [];
    for (const event of ids.map((id) => this.event(id))) {
      expect(event.status).toBe('dead');
      event.count = 0;
      event.status = this.#isBusy(event.value) ? 'held' : 'due';
      if (event.status === 'held') behind.push(event);
    }
    for (const event of behind.reverse()) this.#heldBy(event.value).unshift(event);
  }

  /** What a worker was given is what it may be given. `after`: the group has looked at every event up to there by now. */
  received(worker: string, limit: number, { events }: Received, after: number): void {
    const ids = events.map(({ id }) => id);
    expect(ids).toEqual([...ids].sort((a, b) => a - b));
    expect(ids.length).toBeLessThanOrEqual(limit);
    const begun = this.#lookAt(after);
    // If the dead letters of this step were written before there was something to hand out.
    if (!ids.every((id) => this.#isDue(id))) this.buried();
    if (begun.length > 0) expect(this.count(...PENDING), 'pending events').toBeLessThanOrEqual(MAX_PENDING);
    for (const { id, delivery } of events) {
      const event = this.event(id);
      expect(['due', 'ended'], `status of event ${id}`).toContain(event.status);
      expect(delivery.count).toBe(event.count + 1);
      event.status = 'out';
      event.count++;
      event.token = delivery.token;
      const all = this.deliveries.get(worker) ?? [];
      this.deliveries.set(worker, [...all, { id, token: delivery.token }]);
    }
    expect(ids, 'new events that were looked at').toEqual(expect.arrayContaining(begun));
    if (ids.length < limit) expect(this.count('due', 'ended'), 'events that are left').toBe(0);
    const isStopped = this.state.isFull || (this.order === '*' && this.#isBusy('*'));
    if (ids.length === 0 && !isStopped) expect(after).toBe(this.events.length);
    this.buried();
  }

  /** Ids of those that are not held back. */
  #lookAt(after: number): number[] {
    const begun: number[] = [];
    for (const event of this.events.slice(this.#after, after)) {
      event.status = this.#isBusy(event.value) ? 'held' : 'due';
      if (event.status === 'held') this.#heldBy(event.value).push(event);
      else begun.push(event.id);
    }
    this.#after = after;
    return begun;
  }

  /** Whether what a worker says holds, and what becomes of it. */
  settled({ kind, id, token, ...how }: WorkerSettlement): boolean {
    const event = this.event(id);
    if (event.token !== token) return false;
    const isOut = event.status === 'out';
    if (!isOut && (event.status !== 'ended' || kind === 'release' || kind === 'extend')) return false;
    if (kind === 'extend') return true;
    event.token = undefined;
    if (kind === 'acknowledge') this.#finish(event, 'done');
    else if (kind === 'reject') event.status = 'dying';
    else if ('uncounted' in how && how.uncounted) {
      event.count--;
      event.status = 'due';
    } else event.status = event.count >= MAX_DELIVERIES ? 'dying' : 'due';
    return true;
  }

  /** The dead letters are written. */
  buried(): void {
    for (const event of this.events) {
      if (event.status !== 'dying') continue;
      this.#finish(event, 'dead');
      this.deaths++;
    }
  }

  /** The next of its value takes its place, however many are pending. */
  #finish(event: ModelEvent, status: 'done' | 'dead'): void {
    event.status = status;
    const next = this.#heldBy(event.value).shift();
    if (next) next.status = 'due';
  }

  #heldBy(value: string | undefined): ModelEvent[] {
    if (value === undefined) return [];
    const held = this.#held.get(value) ?? [];
    this.#held.set(value, held);
    return held;
  }
}

interface Real {
  readonly underTest: StoreUnderTest;
}

type Command = fc.AsyncCommand<Model, Real>;

function command(text: string, run: (model: Model, real: Real) => Promise<void>): Command {
  return { check: () => true, run, toString: () => text };
}

const storeOf = ({ underTest }: Real, isPeer: boolean): EventStore =>
  isPeer ? underTest.peer : underTest.store;

const anyWorker = fc.constantFrom('a', 'b', 'c');
const anyUser = fc.constantFrom('x', 'y', 'z', undefined);

const append = fc
  .record({ users: fc.array(anyUser, { minLength: 1, maxLength: 5 }), isPeer: fc.boolean() })
  .map(({ users, isPeer }) =>
    command(`append ${JSON.stringify({ users: users.map(String), isPeer })}`, async (model, real) => {
      await storeOf(real, isPeer).append(
        model.channel,
        users.map((user) => ({ from: 'test', type: 'add', data: user === undefined ? {} : { user } })),
      );
      for (const user of users) {
        const value = model.order === undefined ? undefined : model.order === '*' ? '*' : user;
        const id = model.events.length + 1;
        model.events.push({ id, value, status: 'new', count: 0, token: undefined });
      }
    }),
  );

/** Which of what a worker was given, from the last one back, and what it says of it. */
const anySettlement = fc.record({
  back: fc.nat(5),
  kind: fc.constantFrom('acknowledge', 'acknowledge', 'release', 'give back', 'reject', 'extend'),
});
type AnySettlement = typeof anySettlement extends fc.Arbitrary<infer T> ? T : never;

function settlementsOf(model: Model, worker: string, said: readonly AnySettlement[]): WorkerSettlement[] {
  return said.flatMap(({ back, kind }): WorkerSettlement[] => {
    const delivered = model.deliveries.get(worker)?.at(-1 - back);
    if (delivered === undefined) return [];
    const { id, token } = delivered;
    if (kind === 'release') return [{ kind, id, token, delayMs: 0 }];
    if (kind === 'give back') return [{ kind: 'release', id, token, uncounted: true }];
    return [
      kind === 'reject' ? { kind, id, token, reason: 'bad' } : { kind: kind as 'acknowledge', id, token },
    ];
  });
}

const receive = fc
  .record({
    worker: anyWorker,
    limit: fc.integer({ min: 1, max: 8 }),
    said: fc.array(anySettlement, { maxLength: 2 }),
    isPeer: fc.boolean(),
  })
  .map(({ worker, limit, said, isPeer }) =>
    command(`receive ${JSON.stringify({ worker, limit, said, isPeer })}`, async (model, real) => {
      const settle = settlementsOf(model, worker, said);
      const received = await storeOf(real, isPeer).receive(model.channel, 'g', {
        clientId: worker,
        limit,
        timeoutMs: 0,
        settle,
      });
      expect(received.settled).toEqual(settle.map((one) => model.settled(one)));
      await compareReceived(model, real, worker, limit, received);
    }),
  );

async function compareReceived(
  model: Model,
  { underTest: { store } }: Real,
  worker: string,
  limit: number,
  received: Received,
): Promise<void> {
  const [state] = await store.groups(model.channel);
  model.received(worker, limit, received, state?.after ?? 0);
  // A receive that is given events does not wait for the dead letters of what it has said.
  await expect
    .poll(async () => (await store.groups(model.channel))[0], { interval: 1, timeout: 10_000 })
    .toMatchObject(model.state);
}

const settle = fc
  .record({
    worker: anyWorker,
    said: fc.array(anySettlement, { minLength: 1, maxLength: 4 }),
    isPeer: fc.boolean(),
  })
  .map(({ worker, said, isPeer }) =>
    command(`settle ${JSON.stringify({ worker, said, isPeer })}`, async (model, real) => {
      const settlements = settlementsOf(model, worker, said);
      const settled = await storeOf(real, isPeer).settle(model.channel, 'g', settlements);
      expect(settled).toEqual(settlements.map((one) => model.settled(one)));
      model.buried();
    }),
  );

/** A worker is too slow with the last event that it was given. */
const endLease = fc.record({ worker: anyWorker, isPeer: fc.boolean() }).map(({ worker, isPeer }) =>
  command(`end lease ${JSON.stringify({ worker, isPeer })}`, async (model, real) => {
    const delivered = model.deliveries.get(worker)?.at(-1);
    if (delivered === undefined) return;
    const event = model.event(delivered.id);
    const isIts = event.status === 'out' && event.token === delivered.token;
    // When the last one ends is told elsewhere: it dies when somebody looks.
    if (isIts && event.count >= MAX_DELIVERIES) return;
    const extend = { kind: 'extend', ...delivered, leaseMs: 1 } as const;
    expect(await storeOf(real, isPeer).settle(model.channel, 'g', [extend])).toEqual([isIts]);
    if (!isIts) return;
    await delay(ENDED_MS);
    event.status = 'ended';
  }),
);

const redrive = fc
  .record({ limit: fc.integer({ min: 1, max: 3 }), isPeer: fc.boolean() })
  .map(({ limit, isPeer }) =>
    command(`redrive ${JSON.stringify({ limit, isPeer })}`, async (model, real) => {
      const dead = model.count('dead');
      const ids = await storeOf(real, isPeer).redrive(model.channel, 'g', { limit });
      expect(ids.length).toBe(Math.min(dead, limit));
      model.redriven(ids);
    }),
  );

/** Works on all that is left. */
async function drain(model: Model, real: Real): Promise<void> {
  const { store } = real.underTest;
  for (const worker of ['a', 'b', 'c']) {
    const settlements = (model.deliveries.get(worker) ?? []).map(
      (delivered): WorkerSettlement => ({ kind: 'acknowledge', ...delivered }),
    );
    const settled = await store.settle(model.channel, 'g', settlements);
    expect(settled).toEqual(settlements.map((one) => model.settled(one)));
  }
  for (;;) {
    const received = await store.receive(model.channel, 'g', { clientId: 'd', limit: 1_000, timeoutMs: 0 });
    await compareReceived(model, real, 'd', 1_000, received);
    if (received.events.length === 0) break;
    const settlements = received.events.map(
      ({ id, delivery: { token } }): WorkerSettlement => ({ kind: 'acknowledge', id, token }),
    );
    const settled = await store.settle(model.channel, 'g', settlements);
    expect(settled).toEqual(settlements.map((one) => model.settled(one)));
  }
  expect(model.count('done', 'dead')).toBe(model.events.length);
  expect(await store.groups(model.channel)).toMatchObject([
    {
      pending: 0,
      heldBack: 0,
      missed: 0,
      deadLetters: model.count('dead'),
      after: model.events.length,
      workers: [],
      isFull: false,
    },
  ]);
  const name = `${model.channel}.dead-letters`;
  const letters = await store.read({ channel: name, after: 0, limit: ALL });
  expect(letters.count).toBe(model.deaths);
  expect(letters.lastId).toBe(model.deaths);
}

/**
 * Searches for a sequence of calls of workers after which a group does what it is not to do: an event is with two of them, is lost,
 * or comes before another of its value. `runs`: how many sequences are tried for each order.
 */
export function describeGroupsModel(open: OpenStore, runs: number): void {
  describe('groups like a model of them', () => {
    const commands = fc.commands(
      [append, append, receive, receive, receive, settle, settle, endLease, redrive],
      {
        size: 'large',
        maxCommands: 40,
      },
    );
    it.each([undefined, 'data.user', '*'])(
      'with order %s',
      async (order) => {
        const underTest = await open();
        await search(commands, runs, async (all) => {
          const model = new Model(order);
          await underTest.store.saveGroup(model.channel, 'g', {
            ...(order !== undefined && { order }),
            maxDeliveries: MAX_DELIVERIES,
            maxPending: MAX_PENDING,
            backoffMs: [0],
            leaseMs: 3_600_000,
          });
          await fc.asyncModelRun(() => ({ model, real: { underTest } }), all);
          await drain(model, { underTest });
        });
      },
      searchTimeoutMs,
    );
  });
}
