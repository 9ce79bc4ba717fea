import fc, { type Scheduler } from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { search, searchTimeoutMs } from '../src/conformance/search.js';
import { type EventStore, openEventStore } from '../src/event-store.js';
import { Follower, type FollowerSettings } from './support/follower.js';
import { type Link, SharedMemory } from './support/shared-memory.js';

/** Longer than all that a test waits for, milliseconds of its clock. */
const LONG_MS = 1_000_000;
/** Longer than all the time that passes in a test. */
const NEVER_MS = 1_000_000_000;
/** How often a process looks for notifications that were lost. */
const CHECK_EVERY_MS = 5_000;
/** A little longer than the time between two checks for notifications that were lost: only who waits is checked for. */
const SHORT_MS = 1.6 * CHECK_EVERY_MS;
/** Longer than the store waits before it looks again at an engine that was away. */
const RETRY_MS = 1_500;
/** Longer than channels stay live that nobody polls. */
const AGE_MS = 25_000;

/** More than any scenario takes. */
const MAX_STEPS = 10_000;

const CHANNELS = ['a', 'b'];
const PROCESSES = ['p', 'q'] as const;

/** One process: a store on its way to the shared engine. */
interface Process {
  readonly store: EventStore;
  readonly link: Link;
}

/** Something that happens in the middle of everything else. */
type Act =
  | { readonly act: 'append'; readonly by: number; readonly channel: string; readonly types: string[] }
  | { readonly act: 'poll' | 'abort'; readonly follower: number }
  | { readonly act: 'trim'; readonly channel: string; readonly keep: number }
  | { readonly act: 'doubt' | 'lose notification'; readonly by: number; readonly channel: string }
  | { readonly act: 'lose subscriptions' | 'go away' | 'come back' | 'restart'; readonly by: number }
  | { readonly act: 'back up' }
  | { readonly act: 'rewind'; readonly isNoticed: boolean }
  | { readonly act: 'let time pass'; readonly ms: number };

const anyProcess = fc.nat(PROCESSES.length - 1);
const anyChannel = fc.constantFrom('a', 'a', 'a', 'b');
const anyFollower: fc.Arbitrary<FollowerSettings> = fc.record({
  on: anyProcess,
  name: fc.constantFrom('a', 'a', 'a:x', 'a:y', 'b'),
  limit: fc.constantFrom(1, 2, 1_000),
  timeoutMs: fc.constantFrom(LONG_MS, LONG_MS, LONG_MS, SHORT_MS),
  skipsAhead: fc.boolean(),
  moves: fc.boolean(),
});

const act = <Kind extends Act['act'], Rest>(
  kind: Kind,
  rest: { [Key in keyof Rest]: fc.Arbitrary<Rest[Key]> },
): fc.Arbitrary<{ act: Kind } & Rest> => fc.record(rest).map((one) => ({ act: kind, ...(one as Rest) }));
const at = { by: anyProcess, channel: anyChannel };
const types = fc.array(fc.constantFrom('x', 'y'), { minLength: 1, maxLength: 3 });

const anyAct: fc.Arbitrary<Act> = fc.oneof(
  { weight: 6, arbitrary: act('append', { ...at, types }) },
  { weight: 3, arbitrary: act('poll', { follower: fc.nat(3) }) },
  { weight: 1, arbitrary: act('abort', { follower: fc.nat(3) }) },
  { weight: 1, arbitrary: act('trim', { channel: anyChannel, keep: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 2, arbitrary: act('doubt', at) },
  { weight: 1, arbitrary: act('lose subscriptions', { by: anyProcess }) },
  { weight: 1, arbitrary: act('go away', { by: anyProcess }) },
  { weight: 1, arbitrary: act('come back', { by: anyProcess }) },
  { weight: 1, arbitrary: act('restart', { by: anyProcess }) },
  { weight: 1, arbitrary: act('let time pass', { ms: fc.constantFrom(SHORT_MS / 8, RETRY_MS, AGE_MS) }) },
  { weight: 3, arbitrary: act('lose notification', at) },
  { weight: 2, arbitrary: act('back up', {}) },
  { weight: 2, arbitrary: act('rewind', { isNoticed: fc.boolean() }) },
);

const KINDS = [
  ...['append', 'poll', 'abort', 'trim', 'doubt', 'lose subscriptions', 'go away', 'come back'],
  ...['restart', 'let time pass', 'lose notification', 'back up', 'rewind'],
];

const anyEnding = fc.constantFrom('append' as const, 'time' as const, 'abort' as const, 'close' as const);

interface Scenario {
  /** Decides what happens when. A scheduler itself could not be tried again: its copies go on where others have stopped. */
  readonly order: number;
  readonly followers: readonly FollowerSettings[];
  readonly acts: readonly Act[];
  /** Kinds of acts that are left out: what mends a fault hides it. */
  readonly without: readonly string[];
  /** Whether something may happen between a poll's last look and its wait. */
  readonly isSlow: boolean;
  readonly ending: 'append' | 'time' | 'abort' | 'close';
}

const anyScenario: fc.Arbitrary<Scenario> = fc.record({
  order: fc.noShrink(fc.integer()),
  followers: fc.array(anyFollower, { minLength: 1, maxLength: 4 }),
  acts: fc.array(anyAct, { minLength: 1, maxLength: 25, size: 'max' }),
  without: fc.subarray(KINDS),
  isSlow: fc.boolean(),
  ending: anyEnding,
});

/** One scenario in a world of its own. */
class World {
  readonly #scenario: Scenario;
  readonly #scheduler: Scheduler;
  readonly #memory: SharedMemory;
  readonly #processes: Process[] = [];
  readonly #followers: Follower[];
  readonly #closing: Promise<void>[] = [];
  readonly #failures: unknown[] = [];
  #steps = 0;
  #appended = 0;

  /** `checkEveryMs`: how often the stores look for notifications that were lost. */
  constructor(scenario: Scenario, checkEveryMs: number) {
    this.#scenario = scenario;
    const [scheduler] = fc.sample(fc.scheduler(), { numRuns: 1, seed: scenario.order });
    this.#scheduler = scheduler as Scheduler;
    this.#memory = new SharedMemory(this.#scheduler, checkEveryMs);
    this.#followers = scenario.followers.map(
      (settings) => new Follower(this.#memory, settings, (error) => this.#failures.push(error)),
    );
  }

  /** Rejects with what went wrong, and all that had happened before. */
  async run(): Promise<void> {
    try {
      await this.#run();
    } catch (error) {
      throw new Error(`${error}\nafter this: ${this.#scheduler}`, { cause: error });
    }
  }

  async #run(): Promise<void> {
    const { acts, followers, without } = this.#scenario;
    for (const i of PROCESSES.keys()) await this.#start(i);
    for (const i of followers.keys()) this.#poll(i);
    void this.#perform(acts.filter(({ act }) => !without.includes(act)));
    await this.#untilQuiet();

    // Whatever was lost is noticed by now, or after a while.
    for (const { link } of this.#processes) link.comeBack();
    for (const ms of [RETRY_MS, ...Array(4).fill(CHECK_EVERY_MS / 2)]) {
      await this.#untilAllPoll();
      vi.advanceTimersByTime(ms);
    }
    await this.#untilAllPoll();
    if (!without.includes('rewind')) await this.#untilAllKnow();
    this.#checkFollowers();
    if (without.includes('lose notification')) await this.#checkBounds();
    await this.#end();
  }

  /** Each has what the engine has, or was told why not. */
  #checkFollowers(): void {
    const nothing = { missing: [], unknown: [] };
    expect(this.#followers.map(({ differences }) => differences)).toEqual(this.#followers.map(() => nothing));
  }

  /** Whoever begins at the start gets what the engine keeps, and nothing that was dropped. */
  async #checkBounds(): Promise<void> {
    for (const { store } of this.#processes) {
      for (const channel of CHANNELS) {
        const polling = store.poll({ channel, after: 0, limit: 1_000 }, { timeoutMs: 1 });
        await this.#untilQuiet();
        vi.advanceTimersByTime(1);
        await this.#untilQuiet();
        const page = await polling;
        const kept = this.#memory.history.kept(channel);
        expect(page.texts.map(String)).toEqual(kept.map(({ json }) => json));
        expect(page).toMatchObject({
          firstId: kept[0]?.id ?? 0,
          lastId: this.#memory.history.log(channel).length,
        });
      }
    }
  }

  /** Polls that have ended by their time, or have failed, do not hide that others wait on. */
  async #untilAllPoll(): Promise<void> {
    await this.#untilQuiet();
    for (const i of this.#followers.keys()) this.#poll(i);
    await this.#untilQuiet();
  }

  /** The first append after a rewind tells of it; who waits is told when the wait ends. */
  async #untilAllKnow(): Promise<void> {
    for (const channel of CHANNELS) this.#append(0, channel, ['x', 'y']);
    await this.#untilQuiet();
    vi.advanceTimersByTime(2 * CHECK_EVERY_MS);
    await this.#untilQuiet();
    for (const follower of this.#followers) follower.abort();
    await this.#untilAllPoll();
  }

  async #start(i: number): Promise<void> {
    const { isSlow } = this.#scenario;
    const link = this.#memory.connect(PROCESSES[i] as string);
    const beforeWait = () => this.#scheduler.schedule(Promise.resolve(), 'the moment before a wait');
    const store = await openEventStore(() => link, isSlow ? { hooks: { beforeWait } } : {});
    this.#processes[i] = { store, link };
  }

  async #end(): Promise<void> {
    const { ending } = this.#scenario;
    const stores = this.#processes.map(({ store }) => store);
    if (ending === 'append') {
      for (const channel of CHANNELS) this.#append(0, channel, ['x', 'y']);
      await this.#untilQuiet();
      this.#checkFollowers();
    }
    if (ending === 'abort' || ending === 'append') for (const follower of this.#followers) follower.abort();
    if (ending === 'time') vi.advanceTimersByTime(LONG_MS);
    if (ending === 'close') this.#closing.push(...stores.map((store) => store.close()));
    await this.#untilQuiet();
    expect(this.#followers.map(({ isPolling }) => isPolling)).toEqual(this.#followers.map(() => false));
    expect(stores.map(({ waiting }) => waiting)).toEqual(stores.map(() => 0));
    await Promise.all([...this.#closing, ...stores.map((store) => store.close())]);
  }

  /** One after the other, with anything in between. */
  async #perform(acts: readonly Act[]): Promise<void> {
    for (const act of acts) {
      await this.#scheduler.schedule(Promise.resolve(), JSON.stringify(act));
      try {
        await this.#act(act);
      } catch (error) {
        this.#failures.push(error);
      }
    }
  }

  async #act(act: Act): Promise<void> {
    switch (act.act) {
      case 'append':
        return this.#append(act.by, act.channel, act.types);
      case 'poll':
        return this.#poll(act.follower);
      case 'abort':
        return this.#followers[act.follower]?.abort();
      case 'trim':
        return this.#memory.trim(act.channel, { maxEvents: act.keep, maxAgeMs: 0, now: Date.now() });
      case 'doubt':
        return this.#process(act.by).link.doubt(act.channel);
      case 'lose notification':
        return this.#process(act.by).link.loseNotification(act.channel);
      case 'lose subscriptions':
        return this.#process(act.by).link.loseSubscriptions();
      case 'go away':
        return this.#process(act.by).link.goAway();
      case 'come back':
        return this.#process(act.by).link.comeBack();
      case 'restart':
        this.#closing.push(this.#process(act.by).store.close());
        return this.#start(act.by);
      case 'back up':
        return this.#memory.backUp();
      case 'rewind':
        // No two epochs begin at the same time.
        vi.advanceTimersByTime(1);
        return this.#memory.rewind(act.isNoticed);
      case 'let time pass':
        vi.advanceTimersByTime(act.ms);
        return;
    }
  }

  /** Whether it is stored shows in the engine. */
  #append(by: number, channel: string, types: readonly string[]): void {
    const events = types.map((type) => ({ from: 'test', type, data: { n: ++this.#appended } }));
    this.#process(by)
      .store.append(channel, events)
      .catch(() => {});
  }

  #poll(i: number): void {
    this.#followers[i]?.poll(() => this.#processes.map(({ store }) => store));
  }

  #process(i: number): Process {
    return this.#processes[i] as Process;
  }

  /** Until nothing is left to happen but that time passes. */
  async #untilQuiet(): Promise<void> {
    let idleTurns = 0;
    while (idleTurns < 3) {
      await new Promise((resolve) => setImmediate(resolve));
      const failures = [...this.#failures, ...this.#memory.violations];
      if (failures.length > 0) throw failures[0];
      if (this.#scheduler.count() > 0) {
        idleTurns = 0;
        if (++this.#steps > MAX_STEPS) throw new Error(`It does not come to rest within ${MAX_STEPS} steps`);
        await this.#scheduler.waitNext(1);
      } else idleTurns++;
    }
  }
}

describe('Stores that share an engine, whatever happens in whatever order', () => {
  beforeEach(() => {
    const toFake = [
      'setTimeout',
      'clearTimeout',
      'setInterval',
      'clearInterval',
      'performance',
      'Date',
    ] as const;
    vi.useFakeTimers({ toFake: [...toFake] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const isHeld = (checkEveryMs: number, without: readonly string[]) =>
    search(anyScenario, 1_200, async (scenario) => {
      try {
        await new World({ ...scenario, without: [...scenario.without, ...without] }, checkEveryMs).run();
        expect(vi.getTimerCount(), 'timers left behind').toBe(0);
      } finally {
        vi.clearAllTimers();
      }
    });

  const rewinds = ['back up', 'rewind'];

  it(
    'skip, repeat and reorder nothing, and end every poll',
    () => isHeld(NEVER_MS, [...rewinds, 'lose notification']),
    searchTimeoutMs,
  );

  it(
    'so too if notifications are lost without a word',
    () => isHeld(CHECK_EVERY_MS, rewinds),
    searchTimeoutMs,
  );

  it(
    'tell every reader what was lost if the engine comes back older, and skip nothing that it has',
    () => isHeld(CHECK_EVERY_MS, []),
    searchTimeoutMs,
  );
});
