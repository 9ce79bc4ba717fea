import {
  type BuriedEvent,
  type GroupScope,
  type GroupSettings,
  type GroupState,
  type GroupStorage,
  type GroupWork,
  type GroupWorked,
  MAX_HELD_BACK,
} from '@ganomede/events-store';
import type { Connection } from './connection.js';
import { type Keys, parseGroupName } from './keys.js';
import { buryEvents } from './scripts/bury-events.js';
import { deleteGroup } from './scripts/delete-group.js';
import { groupStates } from './scripts/group-states.js';
import { redriveEvents } from './scripts/redrive-events.js';
import { saveGroup } from './scripts/save-group.js';
import { workGroup } from './scripts/work-group.js';

/** Groups that one script looks at. */
const STATES_AT_ONCE = 100;

/**
 * The groups of channels: each lies in the slot of its channel, and each step of one is one script. As durable as a
 * cursor: a replica that takes over may not have the last steps yet, and hands out again what was settled then.
 */
export class Groups implements GroupStorage {
  readonly #connection: Connection;
  readonly #keys: Keys;
  readonly #running = new Set<Promise<unknown>>();

  constructor(connection: Connection, keys: Keys) {
    this.#connection = connection;
    this.#keys = keys;
  }

  save(
    scope: GroupScope,
    settings: GroupSettings,
    { after, changes }: { readonly after: number; readonly changes: boolean },
  ): Promise<{ readonly isNew: boolean; readonly settings: GroupSettings }> {
    const args = { keys: this.#keys, scope, settings, after, changes };
    return this.#run(this.#connection.script(this.#subject('save', scope), saveGroup, args));
  }

  work(scope: GroupScope, work: GroupWork): Promise<GroupWorked | undefined> {
    const args = { keys: this.#keys, scope, work };
    return this.#run(this.#connection.script(this.#subject('work for', scope), workGroup, args));
  }

  bury(scope: GroupScope, buried: readonly BuriedEvent[]): Promise<void> {
    const args = { keys: this.#keys, scope, buried };
    return this.#run(this.#connection.script(this.#subject('bury events of', scope), buryEvents, args));
  }

  redrive(
    scope: GroupScope,
    range: { readonly ids: readonly number[] | undefined; readonly limit: number },
  ): Promise<readonly number[] | undefined> {
    const args = { keys: this.#keys, scope, ...range };
    return this.#run(this.#connection.script(this.#subject('redrive events of', scope), redriveEvents, args));
  }

  async list(channel: string): Promise<readonly GroupState[]> {
    const key = this.#keys.groups(channel);
    const subject = `read ${key}`;
    const names = await this.#connection.run(key, subject, (client) => client.smembers(key));
    const scopes = names.map((name) => parseGroupName(channel, name));
    const states: GroupState[] = [];
    for (let i = 0; i < scopes.length; i += STATES_AT_ONCE) {
      const some = scopes.slice(i, i + STATES_AT_ONCE);
      const found = await this.#connection.script(subject, groupStates, { keys: this.#keys, scopes: some });
      for (const state of found) if (state) states.push({ ...state, isFull: isFull(state) });
    }
    return states;
  }

  delete(scope: GroupScope): Promise<boolean> {
    const args = { keys: this.#keys, scope };
    return this.#run(this.#connection.script(this.#subject('delete', scope), deleteGroup, args));
  }

  /** Resolves once no change is under way. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#running);
  }

  #run<T>(change: Promise<T>): Promise<T> {
    const running = change.finally(() => this.#running.delete(running));
    this.#running.add(running);
    return running;
  }

  #subject(what: string, scope: GroupScope): string {
    return `${what} ${this.#keys.group(scope).group}`;
  }
}

function isFull({ pending, heldBack, settings }: Omit<GroupState, 'isFull'>): boolean {
  return pending >= settings.maxPending || heldBack >= MAX_HELD_BACK;
}
