import type {
  BuriedEvent,
  GroupScope,
  GroupSettings,
  GroupState,
  GroupStorage,
  GroupWork,
  GroupWorked,
  Settlement,
} from '@ganomede/events-store';
import { RedisServer, until } from '@ganomede/events-testing';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { MemoryGroups } from '../../store/src/memory/memory-groups.js';
import { RedisStorage } from '../src/redis-storage.js';

// The rules of groups are written twice: in TypeScript, and in Lua. Whatever is done, both are to say the same.

const SCOPES: readonly GroupScope[] = [
  { channel: 'orders', type: undefined, group: 'mailer' },
  { channel: 'orders', type: 'paid', group: 'mailer' },
];
/** None, or so long that a run is over before. */
const DURATIONS = [0, 60_000, 120_000];
const STEPS = 120;

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(() => redis?.stop());

/** Numbers that look random and follow from a seed. */
class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** From 0 to `below` - 1. */
  number(below: number): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.#state / 2 ** 32) * below);
  }

  chance(percent: number): boolean {
    return this.number(100) < percent;
  }

  of<T>(values: readonly T[]): T {
    return values[this.number(values.length)] as T;
  }

  some<T>(values: readonly T[], percent: number): T[] {
    return values.filter(() => this.chance(percent));
  }
}

type Step = (groups: GroupStorage, scope: GroupScope) => Promise<unknown>;

/** What is done next, with what the engines have answered so far. */
class Steps {
  readonly #random: Random;
  #order: string | undefined;
  #after = 0;
  #tokens = 0;
  #deliveries: { readonly id: number; readonly token: string }[] = [];
  #dying: { readonly id: number; readonly deadLetterId: number | undefined }[] = [];

  constructor(random: Random) {
    this.#random = random;
    this.#order = random.of([undefined, 'data.user', '*']);
  }

  get next(): Step {
    const what = this.#random.number(100);
    if (what < 70) return this.#work();
    if (what < 80) return this.#bury();
    if (what < 90) return this.#redrive();
    if (what < 97) return this.#save();
    return what < 98
      ? (groups, scope) => groups.delete(scope)
      : (groups, scope) => groups.list(scope.channel);
  }

  /** Creates the group, or changes it. */
  get first(): Step {
    return this.#save();
  }

  /** Takes up what was answered. */
  saw(answer: unknown): void {
    const { settings, after, dying, taken } = (answer ?? {}) as Partial<GroupWorked>;
    if (dying === undefined || taken === undefined) return;
    this.#after = after as number;
    this.#order = settings?.order;
    this.#dying.push(...dying);
    for (const [i, events] of taken.entries()) {
      this.#deliveries.push(...events.map(({ id }) => ({ id, token: this.#takes[i] as string })));
    }
  }
  #takes: readonly string[] = [];

  #work(): Step {
    const random = this.#random;
    const takes = Array.from({ length: random.number(4) }, () => ({
      clientId: random.of(['ann', 'bob', 'größe 3']),
      limit: random.number(5),
      leaseMs: random.of([undefined, ...DURATIONS]),
      token: `token ${++this.#tokens}`,
    }));
    const work: GroupWork = {
      settle: this.#settle(),
      found: random.chance(80) ? this.#found() : undefined,
      takes,
    };
    return (groups, scope) => {
      this.#takes = takes.map(({ token }) => token);
      return groups.work(scope, work);
    };
  }

  #settle(): Settlement[] {
    const random = this.#random;
    // Some are said again later.
    const said = random.some(this.#deliveries, 40);
    this.#deliveries = this.#deliveries.filter((delivery) => !said.includes(delivery) || random.chance(30));
    return said.map(({ id, token }): Settlement => {
      const duration = random.of([undefined, ...DURATIONS]);
      const reason = random.of(['', 'because\nof it', 'größer', 'ü€'.repeat(60)]);
      return random.of<Settlement>([
        { kind: 'acknowledge', id, token },
        { kind: 'missed', id, token },
        { kind: 'reject', id, token, reason },
        { kind: 'extend', id, token, leaseMs: duration },
        {
          kind: 'release',
          id,
          token,
          delayMs: duration,
          reason,
          uncounted: random.of([undefined, false, true]),
        },
        { kind: 'acknowledge', id: id + 1, token },
      ]);
    });
  }

  #found(): GroupWork['found'] {
    const random = this.#random;
    const from = Math.max(this.#after + random.of([0, 0, 0, 0, -1, -3, 1]), 0);
    const ids = Array.from({ length: random.number(12) }, (_, i) => from + i + 1);
    return {
      from,
      to: from + ids.length + random.of([0, 0, 2]),
      firstId: Math.max(from + random.of([-5, 1, 2, 4, 20]), 1),
      events: random.some(ids, 85).map((id) => ({
        id,
        value: this.#order === 'data.user' ? random.of(['', '=ann', '=bob', '=b o b', '#größe']) : '',
      })),
      epoch: random.chance(95) ? '' : 'another',
      order: random.chance(95) ? this.#order : 'data.another',
    };
  }

  #bury(): Step {
    const random = this.#random;
    const buried = random.some(this.#dying, 60).map(({ id, deadLetterId }): BuriedEvent => {
      return {
        id,
        deadLetterId: random.chance(10) ? deadLetterId : random.of([undefined, 1_000 + random.number(1_000)]),
      };
    });
    return (groups, scope) => groups.bury(scope, buried);
  }

  #redrive(): Step {
    const random = this.#random;
    const ids = random.chance(50) ? undefined : random.some(this.#dying, 50).map(({ id }) => id);
    const limit = random.of([1, 3, 100]);
    return (groups, scope) => groups.redrive(scope, { ids, limit });
  }

  #save(): Step {
    const random = this.#random;
    const settings: GroupSettings = {
      leaseMs: random.of(DURATIONS),
      maxDeliveries: random.of([1, 2, 3, 15]),
      backoffMs: random.of([[0], [0, 60_000], [60_000, 0]]),
      maxPending: random.of([3, 10, 1_000]),
      order: random.chance(80) ? this.#order : random.of([undefined, 'data.user', '*']),
    };
    const options = { after: random.number(3), changes: random.chance(70) };
    return (groups, scope) => groups.save(scope, settings, options);
  }
}

/** What an engine has said, without what differs: times are told by the step that they were in. */
function comparable(answer: unknown, stepAt: (time: number) => number): unknown {
  const time = (at: number | undefined) => at && stepAt(at);
  if (Array.isArray(answer) && typeof answer[0] === 'object') {
    return (answer as GroupState[])
      .map((state) => ({
        ...state,
        oldestPendingAt: time(state.oldestPendingAt),
        createdAt: time(state.createdAt),
        workers: [...state.workers].sort((a, b) => (a.clientId < b.clientId ? -1 : 1)),
      }))
      .sort((a, b) => (String(a.scope.type) < String(b.scope.type) ? -1 : 1));
  }
  const worked = answer as GroupWorked | undefined;
  if (worked?.dying === undefined) return answer;
  return {
    ...worked,
    dying: worked.dying.map((one) => ({
      ...one,
      firstDeliveredAt: time(one.firstDeliveredAt),
      endedAt: time(one.endedAt),
      deliveries: one.deliveries?.map((delivery) => ({
        ...delivery,
        deliveredAt: time(delivery.deliveredAt),
        endedAt: time(delivery.endedAt),
      })),
    })),
    dueInMs: worked.dueInMs && Math.round(worked.dueInMs / 60_000),
  };
}

async function runBoth(seed: number): Promise<void> {
  await redis.admin.flushall();
  const [storage, other] = [
    await RedisStorage.open({ url: redis.url }),
    await RedisStorage.open({ url: redis.url }),
  ];
  onTestFinished(async () => void (await Promise.all([storage.close(), other.close()])));
  const told: string[] = [];
  const ignored = () => {};
  other.listen({
    appended: ignored,
    trimmed: () => told.push('end'),
    released: () => told.push('released'),
    missed: ignored,
  });
  await other.subscriptions.subscribe('orders');

  let step = 0;
  let isReleased = false;
  const memory = new MemoryGroups({
    clock: () => ({ now: step, date: step }),
    epochOf: () => '',
    lastIdOf: () => 0,
    released: () => {
      isReleased = true;
    },
    backup: undefined,
  });
  const startedAt: number[] = [];
  const stepOfRedis = (at: number) => startedAt.findLastIndex((start) => start <= at) + 1;

  const random = new Random(seed);
  const all = new Map(SCOPES.map((scope) => [scope, new Steps(random)]));
  for (const steps of all.values()) for (let i = 0; i < 3; i++) steps.first;
  for (let i = 0; i < STEPS; i++) {
    const scope = random.of(SCOPES);
    const steps = all.get(scope) as Steps;
    const run = i < 4 ? steps.first : steps.next;
    // Each step has a millisecond of its own, so that both engines see the same order.
    await until('the clock of Redis goes on', async () => (await storage.clock()) > (startedAt.at(-1) ?? 0));
    startedAt.push(await storage.clock());
    step++;
    isReleased = false;
    const expected = comparable(await run(memory, scope), (at) => at);
    const answer = await run(storage.groups, scope);
    const where = `step ${step} of seed ${seed}`;
    expect(comparable(answer, stepOfRedis), where).toEqual(expected);
    await redis.admin.spublish('events:{orders}:new', '1');
    await until('it is told', () => told.at(-1) === 'end');
    expect(told.splice(0).includes('released'), `${where}: those that wait are told`).toBe(isReleased);
    const states = comparable(await storage.groups.list('orders'), stepOfRedis);
    expect(states, `${where}: groups`).toEqual(comparable(await memory.list('orders'), (at) => at));
    steps.saw(answer);
  }
}

it.each([1, 2, 3, 4, Math.floor(Math.random() * 2 ** 32)])(
  'groups on Redis do what those of the other engines do, with seed %i',
  runBoth,
);
