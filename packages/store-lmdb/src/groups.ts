import {
  type BuriedEvent,
  buryInGroup,
  type GroupClock,
  type GroupScope,
  type GroupSettings,
  type GroupSnapshot,
  type GroupState,
  type GroupStorage,
  type GroupWork,
  type GroupWorked,
  redriveInGroup,
  restoreGroup,
  type SteadyClock,
  type Stepped,
  saveGroup,
  snapshotOfGroup,
  stateOfGroup,
  workInGroup,
} from '@ganomede/events-store';
import { type CommitQueue, Draft } from './commit-queue.js';
import type { Database } from './database.js';
import { LmdbGroupRecords } from './group-records.js';
import { GROUP_COUNT, GROUP_TIME, GROUPS, groupNumberKey, groupsFrom, type Key } from './keys.js';
import { reading } from './storage-error.js';

/** About what a step writes for each event, bytes. */
const BYTES_PER_EVENT = 512;

/**
 * Groups, by the rules that all engines share: each step is a part of one commit, and one that changes nothing costs none. What is
 * only handed out is told while its commit is under way. If that comes to nothing the events are handed out again, with other
 * tokens, and what is said with the first ones is stale. No step builds on such a one before it is on disk.
 */
export class Groups implements GroupStorage {
  readonly #database: Database;
  readonly #commits: CommitQueue;
  readonly #dataDir: string;
  readonly #clock: SteadyClock;
  readonly #released: (scope: GroupScope) => void;
  /** By draft and number of the group. */
  readonly #records = new WeakMap<Draft, Map<number, LmdbGroupRecords>>();

  /** `released` is called with a group once those that wait for it may find something. */
  constructor(
    database: Database,
    commits: CommitQueue,
    dataDir: string,
    clock: SteadyClock,
    released: (scope: GroupScope) => void,
  ) {
    this.#database = database;
    this.#commits = commits;
    this.#dataDir = dataDir;
    this.#clock = clock;
    this.#released = released;
    // What is stored tells that it was that time already.
    clock.notBefore(Number(database.get(GROUP_TIME) ?? 0));
  }

  save(
    scope: GroupScope,
    settings: GroupSettings,
    options: { readonly after: number; readonly changes: boolean },
  ): Promise<{ isNew: boolean; settings: GroupSettings }> {
    return this.#step(scope, 1, (draft, clock) => {
      const records = this.#recordsOf(draft, scope) ?? this.#newRecords(draft, scope);
      const channel = { lastId: draft.channel(scope.channel)?.lastId ?? 0 };
      return saveGroup(records, settings, options, channel, clock);
    });
  }

  work(scope: GroupScope, work: GroupWork): Promise<GroupWorked | undefined> {
    const taken = work.takes.reduce((sum, { limit }) => sum + limit, work.settle.length);
    const step = (draft: Draft, clock: GroupClock) => {
      const records = this.#recordsOf(draft, scope);
      if (records === undefined) return NO_GROUP;
      const channel = { type: scope.type, epoch: draft.channel(scope.channel)?.epoch ?? '' };
      return workInGroup(records, work, channel, clock);
    };
    // Of what is settled, and of an event whose turn has ended, nothing may be forgotten.
    const isOnlyHandedOut = (worked: GroupWorked | undefined) =>
      work.settle.length === 0 && worked?.dying.length === 0;
    return this.#step(scope, Math.min(taken, 10_000), step, isOnlyHandedOut);
  }

  bury(scope: GroupScope, buried: readonly BuriedEvent[]): Promise<void> {
    return this.#step(scope, buried.length, (draft, clock) => {
      const records = this.#recordsOf(draft, scope);
      return records === undefined ? NO_GROUP : buryInGroup(records, buried, clock);
    });
  }

  redrive(
    scope: GroupScope,
    range: { readonly ids: readonly number[] | undefined; readonly limit: number },
  ): Promise<readonly number[] | undefined> {
    return this.#step(scope, Math.min(range.limit, 10_000), (draft, clock) => {
      const records = this.#recordsOf(draft, scope);
      return records === undefined ? NO_GROUP : redriveInGroup(records, range, clock);
    });
  }

  async list(channel: string): Promise<readonly GroupState[]> {
    await this.#commits.told();
    return reading(this.#dataDir, `the groups of channel ${JSON.stringify(channel)}`, () => {
      const states: GroupState[] = [];
      for (const { key, value } of this.#database.range(groupsFrom(channel), GROUPS[1])) {
        const [, name, type, group] = key.map(String) as [string, string, string, string];
        if (name !== channel) break;
        const records = new LmdbGroupRecords(this.#database, new Draft(this.#database), Number(value));
        const state = stateOfGroup(records, { channel, type: type || undefined, group });
        if (state) states.push(state);
      }
      return states;
    });
  }

  async read(scope: GroupScope): Promise<GroupSnapshot | undefined> {
    await this.#commits.told();
    return reading(this.#dataDir, `group ${JSON.stringify(scope.group)}`, () => {
      const number = this.#database.get(keyOf(scope));
      if (number === undefined) return undefined;
      const records = new LmdbGroupRecords(this.#database, new Draft(this.#database), Number(number));
      return snapshotOfGroup(records, scope, this.#now());
    });
  }

  restore(group: GroupSnapshot): Promise<boolean> {
    return this.#step(group.scope, group.entries.length, (draft, clock) => {
      if (this.#recordsOf(draft, group.scope)) return { result: false, isReleased: false };
      const result = restoreGroup(this.#newRecords(draft, group.scope), group, clock);
      return { result, isReleased: true };
    });
  }

  delete(scope: GroupScope): Promise<boolean> {
    return this.#step(scope, 1, (draft) => {
      const records = this.#recordsOf(draft, scope);
      if (records === undefined) return { result: false, isReleased: false };
      records.clear();
      draft.delete(keyOf(scope));
      return { result: true, isReleased: true };
    });
  }

  async #step<T>(
    scope: GroupScope,
    events: number,
    step: (draft: Draft, clock: GroupClock) => Stepped<T>,
    isToldEarly: (result: T) => boolean = () => false,
  ): Promise<T> {
    const { channel, group } = scope;
    const { result } = await this.#commits.write({
      subject: `group ${JSON.stringify(group)} on channel ${JSON.stringify(channel)}`,
      bytes: events * BYTES_PER_EVENT,
      // What is handed out and settled gives room back in the end, and workers wait for it.
      fromReserve: true,
      plan: (draft) => {
        const clock = this.#now();
        const stepped = step(draft, clock);
        const isChanged = this.#recordsOf(draft, scope)?.isChanged;
        if (isChanged) draft.set(GROUP_TIME, Buffer.from(String(clock.now)));
        return stepped;
      },
      committed: ({ isReleased }) => {
        if (isReleased) this.#released(scope);
      },
      isToldEarly: ({ result }) => isToldEarly(result),
    });
    return result;
  }

  #now(): GroupClock {
    return { now: this.#clock.now(), date: Date.now() };
  }

  /** Undefined if there is no such group. */
  #recordsOf(draft: Draft, scope: GroupScope): LmdbGroupRecords | undefined {
    const number = draft.get(keyOf(scope));
    return number && this.#recordsOfNumber(draft, Number(number));
  }

  #newRecords(draft: Draft, scope: GroupScope): LmdbGroupRecords {
    const number = Number(draft.get(GROUP_COUNT) ?? 0) + 1;
    const text = Buffer.from(String(number));
    draft.set(GROUP_COUNT, text);
    draft.set(keyOf(scope), text);
    return this.#recordsOfNumber(draft, number);
  }

  #recordsOfNumber(draft: Draft, number: number): LmdbGroupRecords {
    const all = this.#records.get(draft) ?? new Map<number, LmdbGroupRecords>();
    this.#records.set(draft, all);
    const records = all.get(number) ?? new LmdbGroupRecords(this.#database, draft, number);
    all.set(number, records);
    return records;
  }
}

const NO_GROUP: Stepped<undefined> = { result: undefined, isReleased: false };

function keyOf({ channel, type, group }: GroupScope): Key {
  return groupNumberKey(channel, type, group);
}
