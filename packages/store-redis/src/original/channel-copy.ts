import { createHash } from 'node:crypto';
import { EventsError } from '@ganomede/events-protocol';
import {
  Epochs,
  eventText,
  headerOf,
  IMPORT_STEP,
  importedEpochs,
  type Storage,
  type TransferStorage,
} from '@ganomede/events-store';
import type { OriginalEvent } from './original-event.js';

/** What a migration needs of the store that it goes to. */
export interface MigrationTarget extends Pick<Storage, 'scan' | 'cursors' | 'indices' | 'channels'> {
  readonly transfer?: MigrationTransfer;
}
export type MigrationTransfer = Pick<TransferStorage, 'importEvents' | 'importCursors'>;

/** Consumers whose cursors are read at a time: an engine that has them in no order walks over all of a channel each time. */
const CONSUMERS_AT_ONCE = 100_000;

/** What the terms of the epochs of all migrations begin with; no engine has such a one. */
const TERM = 'migration';

/** Stands for one migration, see `importedEpochs`. */
export function newTerm(): string {
  return TERM + Math.floor(Math.random() * 36 ** 7).toString(36);
}

/** A channel of the target, which is filled up from the beginning. What it has already, from an earlier run, is compared. */
export class ChannelCopy {
  readonly channel: string;
  readonly #target: MigrationTarget;
  readonly #transfer: MigrationTransfer;
  readonly #term: string;
  #firstId = 0;
  #lastId = 0;
  #timestamp = 0;
  #count = 0;
  readonly #given = createHash('sha256');
  /** What was read again from the target. */
  #foundUpTo = 0;
  #foundCount = 0;
  readonly #found = createHash('sha256');

  constructor(target: MigrationTarget, transfer: MigrationTransfer, channel: string, term: string) {
    this.#target = target;
    this.#transfer = transfer;
    this.channel = channel;
    this.#term = term;
  }

  /** The newest id that was brought. */
  get lastId(): number {
    return this.#lastId;
  }

  /** Events that were brought. */
  get count(): number {
    return this.#count;
  }

  /** Of the JSON texts of all events, in hexadecimal. */
  get sha256(): string {
    return this.#given.copy().digest('hex');
  }

  /** @throws EventsError `Conflict` if the channel was used in the target: only migrations may have filled it */
  async assertUnused(): Promise<void> {
    const [end] = await this.#target.channels.ends([this.channel]);
    const isUsed = end !== undefined && end.lastId > 0 && !end.epoch.split('-')[2]?.startsWith(TERM);
    if (isUsed || (await this.#hasOwnCursors())) {
      throw new EventsError(
        'Conflict',
        `Cannot migrate channel ${JSON.stringify(this.channel)}: expected one that nobody has used in the target yet, got one with events or cursors of its own`,
      );
    }
  }

  /** Adds events behind those that were added; `upTo`: the newest id that was given up to there. */
  async add(events: readonly OriginalEvent[], upTo: number): Promise<void> {
    if (events.length === 0 && upTo === this.#lastId) return;
    // It begins with its first event.
    if (this.#firstId === 0) this.#firstId = events[0]?.id ?? upTo + 1;
    const imported = events.map(({ id, timestamp, text, filed }) => ({
      id,
      json: eventText(id, timestamp, text),
      filed,
    }));
    for (const { timestamp } of events) this.#timestamp = Math.max(this.#timestamp, timestamp);
    const bounds = { firstId: this.#firstId, lastId: upTo, term: this.#term, now: Date.now() };
    await this.#transfer.importEvents(this.channel, {
      after: Math.max(this.#lastId, this.#firstId - 1),
      continues: this.#lastId > 0,
      events: imported,
      lastId: upTo,
      timestamp: this.#timestamp,
      epochs: importedEpochs(Epochs.NONE, bounds),
    });
    for (const { json } of imported) this.#given.update(json);
    this.#lastId = upTo;
    this.#count += events.length;
  }

  /**
   * Reads from the target what was added since the last call.
   *
   * @throws EventsError `Conflict` if it is not that
   */
  async verify(): Promise<void> {
    while (this.#foundUpTo < this.#lastId) {
      const scan = { channel: this.channel, type: undefined, after: this.#foundUpTo, limit: IMPORT_STEP };
      const { texts } = await this.#target.scan(scan);
      // An earlier run may have come further.
      const found = texts.filter((text) => headerOf(text).id <= this.#lastId);
      for (const text of found) this.#found.update(text);
      this.#foundCount += found.length;
      const last = found.length === texts.length ? found.at(-1) : undefined;
      this.#foundUpTo = last === undefined ? this.#lastId : headerOf(last).id;
    }
    const found = this.#found.copy().digest('hex');
    if (this.#foundCount === this.#count && found === this.sha256) return;
    throw new EventsError(
      'Conflict',
      `Channel ${JSON.stringify(this.channel)} of the target is not as it was brought: expected ${this.#count} events with SHA-256 ${this.sha256}, got ${this.#foundCount} with ${found}`,
    );
  }

  /**
   * Looks once more whether all of it is there, which a target that came back older, or that somebody else uses, may not have.
   *
   * @throws EventsError `Conflict` if not
   */
  async assertWhole(): Promise<void> {
    const { channels } = this.#target;
    const [end] = await channels.ends([this.channel]);
    const [seen] = await channels.unseen(this.channel, [{ type: undefined, after: 0 }]);
    if (end?.lastId === this.#lastId && seen?.count === this.#count) return;
    throw new EventsError(
      'Conflict',
      `Channel ${JSON.stringify(this.channel)} of the target is not as it was brought any more: expected ${this.#count} events up to id ${this.#lastId}, got ${seen?.count} up to id ${end?.lastId}. Has it lost data, or does somebody else use it?`,
    );
  }

  /** Whether a server has saved a cursor: those of a migration tell no time. */
  async #hasOwnCursors(): Promise<boolean> {
    let after = '';
    for (;;) {
      const scope = { channel: this.channel, type: undefined };
      const page = await this.#target.cursors.list(scope, { types: true, after, limit: CONSUMERS_AT_ONCE });
      if (page.some(({ savedAt }) => savedAt !== undefined)) return true;
      const last = page.at(-1);
      if (last === undefined) return false;
      after = last.clientId;
    }
  }
}
