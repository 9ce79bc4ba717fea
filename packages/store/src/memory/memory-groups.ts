import { restoreGroup, snapshotOfGroup } from '../groups/group-snapshot.js';
import {
  buryInGroup,
  type GroupClock,
  redriveInGroup,
  type Stepped,
  saveGroup,
  stateOfGroup,
  workInGroup,
} from '../groups/group-step.js';
import type {
  BuriedEvent,
  GroupScope,
  GroupSettings,
  GroupState,
  GroupStorage,
  GroupWork,
  GroupWorked,
} from '../groups/group-storage.js';
import type { GroupSnapshot } from '../transfer/transfer-storage.js';
import { MemoryGroupRecords } from './memory-group-records.js';

interface Group {
  readonly scope: GroupScope;
  readonly records: MemoryGroupRecords;
}

/** What groups need of the storage that they are in. */
export interface MemoryGroupsOptions {
  readonly clock: () => GroupClock;
  readonly epochOf: (channel: string) => string;
  readonly lastIdOf: (channel: string) => number;
  readonly released: (scope: GroupScope) => void;
  /** What to begin with a copy of. */
  readonly backup: MemoryGroups | undefined;
}

/** Groups, by the rules that all engines share. One turn of the event loop is one atomic step. */
export class MemoryGroups implements GroupStorage {
  readonly #groups = new Map<string, Group>();
  readonly #options: MemoryGroupsOptions;

  constructor(options: MemoryGroupsOptions) {
    this.#options = options;
    for (const [key, { scope, records }] of options.backup ? options.backup.#groups : []) {
      this.#groups.set(key, { scope, records: new MemoryGroupRecords(records) });
    }
  }

  async save(
    scope: GroupScope,
    settings: GroupSettings,
    options: { readonly after: number; readonly changes: boolean },
  ): Promise<{ isNew: boolean; settings: GroupSettings }> {
    const key = keyOf(scope);
    const { records } = this.#groups.get(key) ?? { records: new MemoryGroupRecords() };
    this.#groups.set(key, { scope, records });
    const { clock, lastIdOf } = this.#options;
    const channel = { lastId: lastIdOf(scope.channel) };
    return this.#stepped(scope, saveGroup(records, settings, options, channel, clock()));
  }

  async work(scope: GroupScope, work: GroupWork): Promise<GroupWorked | undefined> {
    const { clock, epochOf } = this.#options;
    const channel = { type: scope.type, epoch: epochOf(scope.channel) };
    return this.#stepped(scope, workInGroup(this.#records(scope), work, channel, clock()));
  }

  async bury(scope: GroupScope, buried: readonly BuriedEvent[]): Promise<void> {
    this.#stepped(scope, buryInGroup(this.#records(scope), buried, this.#options.clock()));
  }

  async redrive(
    scope: GroupScope,
    range: { readonly ids: readonly number[] | undefined; readonly limit: number },
  ): Promise<readonly number[] | undefined> {
    return this.#stepped(scope, redriveInGroup(this.#records(scope), range, this.#options.clock()));
  }

  async list(channel: string): Promise<readonly GroupState[]> {
    return [...this.#groups.values()]
      .filter(({ scope }) => scope.channel === channel)
      .flatMap(({ scope, records }) => stateOfGroup(records, scope) ?? []);
  }

  read(scope: GroupScope): GroupSnapshot | undefined {
    return snapshotOfGroup(this.#records(scope), scope, this.#options.clock());
  }

  restore(snapshot: GroupSnapshot): boolean {
    const { scope } = snapshot;
    const records = this.#records(scope);
    if (!restoreGroup(records, snapshot, this.#options.clock())) return false;
    this.#groups.set(keyOf(scope), { scope, records });
    this.#options.released(scope);
    return true;
  }

  /** Names of channels that have groups. */
  *channels(): Iterable<string> {
    for (const { scope } of this.#groups.values()) yield scope.channel;
  }

  async delete(scope: GroupScope): Promise<boolean> {
    const wasThere = this.#groups.delete(keyOf(scope));
    if (wasThere) this.#options.released(scope);
    return wasThere;
  }

  /** Those of a group that there is not are empty. */
  #records(scope: GroupScope): MemoryGroupRecords {
    return this.#groups.get(keyOf(scope))?.records ?? new MemoryGroupRecords();
  }

  #stepped<T>(scope: GroupScope, { result, isReleased }: Stepped<T>): T {
    if (isReleased) this.#options.released(scope);
    return result;
  }
}

function keyOf({ channel, type, group }: GroupScope): string {
  return JSON.stringify([channel, type ?? null, group]);
}
