import { randomBytes } from 'node:crypto';
import type { IndexDefinition } from '@ganomede/events-protocol';
import { SteadyClock } from '../clock/steady-clock.js';
import { Timestamps } from '../clock/timestamps.js';
import { Epochs } from '../events/epochs.js';
import { boundsOf, EventPage, textsOfPage } from '../events/event-page.js';
import { eventText, headerOf } from '../events/event-text.js';
import { excess } from '../retention/excess.js';
import { type FutureMark, futureMark, isTooOld } from '../retention/future-mark.js';
import type {
  Append,
  AppendOutcome,
  ChannelScope,
  ConsumerScope,
  IndexScope,
  IndexStep,
  SavedCursor,
  Scan,
  Storage,
  StorageListener,
  TailEvent,
  TrimLimits,
} from '../storage.js';
import { MemoryGroups } from './memory-groups.js';

interface StoredEvent {
  readonly text: Buffer;
  readonly filed: string | undefined;
}

interface Channel {
  /** Oldest id kept; one above the newest if none is. */
  firstId: number;
  /** Newest id given. */
  lastId: number;
  /** Newest timestamp given. */
  timestamp: number;
  epochs: Epochs;
  futureMark: FutureMark | undefined;
  /** `events[i]` has id `firstId + i`. */
  readonly events: StoredEvent[];
}

interface FirstUse {
  readonly firstId: number;
  readonly timestamp: number;
  readonly fingerprint: string;
  /** By the steady clock. */
  readonly expiresAt: number;
}

interface Index {
  progress: number;
  /** Ids ascending, by key of the value. */
  readonly ids: Map<string, number[]>;
}

/** What every engine does, in the fewest words: nothing is kept when the process ends. */
export class MemoryStorage implements Storage {
  readonly #channels = new Map<string, Channel>();
  /** By their window, and then by their scope. */
  readonly #firstUses = new Map<number, Map<string, FirstUse>>();
  readonly #cursors = new Map<string, SavedCursor>();
  readonly #definitions = new Map<string, IndexDefinition>();
  readonly #indices = new Map<string, Index>();
  readonly #term = randomBytes(5).toString('hex');
  readonly #timestamps = new Timestamps();
  readonly #steadyClock = new SteadyClock();
  readonly groups: MemoryGroups;
  #listener: StorageListener | undefined;

  /** With `backup` it begins with a copy of what that holds. */
  constructor(backup?: MemoryStorage) {
    this.groups = new MemoryGroups({
      clock: () => ({ now: this.#steadyClock.now(), date: Date.now() }),
      epochOf: (channel) => this.#channels.get(channel)?.epochs.current ?? '',
      released: (channel) => this.#listener?.released(channel),
      backup: backup?.groups,
    });
    if (backup === undefined) return;
    for (const [name, channel] of backup.#channels) {
      this.#channels.set(name, { ...channel, events: [...channel.events] });
    }
    for (const [windowMs, uses] of backup.#firstUses) this.#firstUses.set(windowMs, new Map(uses));
    for (const [key, cursor] of backup.#cursors) this.#cursors.set(key, cursor);
    for (const [id, definition] of backup.#definitions) this.#definitions.set(id, definition);
    for (const [key, { progress, ids }] of backup.#indices) {
      const copy = new Map([...ids].map(([value, all]) => [value, [...all]]));
      this.#indices.set(key, { progress, ids: copy });
    }
  }

  listen(listener: StorageListener): void {
    this.#listener = listener;
  }

  // One turn of the event loop is one atomic step.
  async append({ channel: name, events, maxEvents, idempotency, condition }: Append): Promise<AppendOutcome> {
    const now = this.#steadyClock.now();
    this.#forgetExpired(now);
    const firstUse = idempotency && this.#firstUses.get(idempotency.windowMs)?.get(idempotency.scope);
    if (firstUse) {
      const { firstId, timestamp, fingerprint } = firstUse;
      if (fingerprint !== idempotency.fingerprint) return { kind: 'key-reused' };
      return { kind: 'repeated', firstId, timestamp };
    }

    const channel = this.#channels.get(name) ?? newChannel();
    if (condition) {
      const lastId = lastIdOf(channel, condition.type);
      if (lastId !== condition.lastId) return { kind: 'unexpected-last-id', lastId };
    }
    this.#channels.set(name, channel);
    const timestamp = this.#timestamps.after(channel.timestamp);
    const firstId = channel.lastId + 1;
    if (!channel.epochs.isOf(this.#term)) {
      channel.epochs = channel.epochs.begin({ ...channel, term: this.#term, now: Date.now() });
    }
    const tail: TailEvent[] = [];
    for (const { text: rest, type, filed } of events) {
      const id = ++channel.lastId;
      const text = eventText(id, timestamp, rest);
      channel.events.push({ text, filed });
      tail.push({ id, type, json: text });
    }
    channel.timestamp = timestamp;
    this.#drop(channel, excess(channel.events.length, maxEvents));
    if (idempotency) {
      const { scope, fingerprint, windowMs } = idempotency;
      const uses = this.#firstUses.get(windowMs) ?? new Map<string, FirstUse>();
      this.#firstUses.set(windowMs, uses);
      uses.set(scope, { firstId, timestamp, fingerprint, expiresAt: now + windowMs });
    }
    this.#listener?.appended(name, tail, channel.epochs.current, channel.firstId);
    return { kind: 'appended', firstId, timestamp };
  }

  async scan(scan: Scan): Promise<EventPage> {
    return this.#page(scan.channel, scan.limit, this.#found(scan));
  }

  async eventsById(name: string, ids: readonly number[]): Promise<(Buffer | undefined)[]> {
    const { firstId = 1, events = [] } = this.#channels.get(name) ?? {};
    return ids.map((id) => events[id - firstId]?.text);
  }

  readonly cursors = {
    load: async (consumer: ConsumerScope): Promise<SavedCursor | undefined> =>
      this.#cursors.get(consumerKey(consumer)),

    save: async (
      consumer: ConsumerScope,
      after: number,
      given: string | undefined,
    ): Promise<string | undefined> => {
      const key = consumerKey(consumer);
      const known = this.#cursors.get(key);
      const epoch = given ?? known?.epoch;
      const savedAt = known?.after === after ? known.savedAt : Date.now();
      this.#cursors.set(key, { after, savedAt, epoch });
      return epoch;
    },

    create: async (
      consumer: ConsumerScope,
      after: number,
      epoch: string | undefined,
    ): Promise<SavedCursor> => {
      const key = consumerKey(consumer);
      const cursor = this.#cursors.get(key) ?? { after, savedAt: Date.now(), epoch };
      this.#cursors.set(key, cursor);
      return cursor;
    },

    setEpoch: async (consumer: ConsumerScope, after: number, epoch: string): Promise<void> => {
      const key = consumerKey(consumer);
      const known = this.#cursors.get(key);
      if (known?.after === after) this.#cursors.set(key, { ...known, epoch });
    },
  };

  readonly indices = {
    create: async (index: IndexDefinition): Promise<IndexDefinition> => {
      const stored = this.#definitions.get(index.id) ?? { ...index };
      this.#definitions.set(index.id, stored);
      return stored;
    },

    definition: async (id: string): Promise<IndexDefinition | undefined> => this.#definitions.get(id),

    definitions: async (): Promise<IndexDefinition[]> => [...this.#definitions.values()],

    progress: async (scope: IndexScope): Promise<number> => this.#index(scope).progress,

    advance: async (scope: IndexScope, { from, to, entries }: IndexStep): Promise<number> => {
      const index = this.#index(scope);
      if (index.progress !== from) return index.progress;
      for (const { id, key } of entries) {
        const ids = index.ids.get(key) ?? [];
        ids.push(id);
        index.ids.set(key, ids);
      }
      index.progress = to;
      return to;
    },

    trim: async (scope: IndexScope): Promise<void> => {
      const { ids } = this.#index(scope);
      const firstId = this.#channels.get(scope.channel)?.firstId ?? 1;
      for (const [key, all] of ids) {
        const kept = all.filter((id) => id >= firstId);
        if (kept.length > 0) ids.set(key, kept);
        else ids.delete(key);
      }
    },

    rows: async (
      scope: IndexScope,
      key: string,
      { limit, before = Number.POSITIVE_INFINITY }: { limit: number; before: number | undefined },
    ): Promise<EventPage> => {
      const channel = this.#channels.get(scope.channel);
      const ids = this.#index(scope).ids.get(key) ?? [];
      const texts = ids
        .filter((id) => id < before)
        .reverse()
        .flatMap((id) => channel?.events[id - channel.firstId]?.text ?? []);
      return this.#page(scope.channel, limit, texts);
    },
  };

  readonly channels = {
    list: async ({ after, limit }: { after: string; limit: number }): Promise<string[]> =>
      [...this.#channels.keys()]
        .sort(byBytes)
        .filter((name) => byBytes(name, after) > 0)
        .slice(0, limit),

    count: async (): Promise<number> => this.#channels.size,

    trim: async (name: string, limits: TrimLimits): Promise<void> => {
      const channel = this.#channels.get(name);
      if (channel === undefined) return;
      const { events, firstId, lastId } = channel;
      const { maxEvents, maxAgeMs, now } = limits;
      const oldest = events[0];
      if (maxAgeMs > 0 && oldest) {
        const timestamps = [headerOf(oldest.text).timestamp, channel.timestamp];
        channel.futureMark = futureMark(channel.futureMark, { firstId, lastId, timestamps }, now);
      }
      const young = events.findIndex(({ text }) => !isTooOld(headerOf(text), channel.futureMark, limits));
      const old = young === -1 ? events.length : young;
      this.#drop(channel, Math.max(old, maxEvents === 0 ? 0 : events.length - maxEvents));
      this.#listener?.trimmed(name, channel.firstId);
    },
  };

  async close(): Promise<void> {}

  *#found(scan: Scan): Iterable<Buffer> {
    const { firstId = 1, lastId = 0, events = [] } = this.#channels.get(scan.channel) ?? {};
    const isInScope = ({ filed }: StoredEvent) => scan.type === undefined || filed === scan.type;
    if ('after' in scan) {
      for (let id = Math.max(scan.after + 1, firstId); id <= lastId; id++) {
        const event = events[id - firstId] as StoredEvent;
        if (isInScope(event)) yield event.text;
      }
      return;
    }
    const newest = Math.min((scan.before ?? Number.POSITIVE_INFINITY) - 1, lastId);
    for (let id = newest; id >= firstId; id--) {
      const event = events[id - firstId] as StoredEvent;
      if (isInScope(event)) yield event.text;
    }
  }

  #page(name: string, limit: number, found: Iterable<Buffer>): EventPage {
    const { firstId, lastId, epochs } = this.#channels.get(name) ?? newChannel();
    return new EventPage(textsOfPage(found, limit), boundsOf(firstId, lastId, epochs));
  }

  #drop(channel: Channel, count: number): void {
    channel.events.splice(0, count);
    channel.firstId += count;
  }

  #index(scope: IndexScope): Index {
    const key = `${scopeKey(scope)} ${JSON.stringify(scope.field)}`;
    const index = this.#indices.get(key) ?? { progress: 0, ids: new Map() };
    this.#indices.set(key, index);
    return index;
  }

  /** The oldest of a window come first. */
  #forgetExpired(now: number): void {
    for (const uses of this.#firstUses.values()) {
      for (const [scope, { expiresAt }] of uses) {
        if (expiresAt > now) break;
        uses.delete(scope);
      }
    }
  }
}

function newChannel(): Channel {
  return { firstId: 1, lastId: 0, timestamp: 0, epochs: Epochs.NONE, futureMark: undefined, events: [] };
}

/** Of a type: of those that are kept. */
function lastIdOf({ firstId, lastId, events }: Channel, type: string | undefined): number {
  if (type === undefined) return lastId;
  const i = events.findLastIndex(({ filed }) => filed === type);
  return i === -1 ? 0 : firstId + i;
}

function scopeKey({ channel, type }: ChannelScope): string {
  return JSON.stringify([channel, type ?? null]);
}

function consumerKey(consumer: ConsumerScope): string {
  return `${scopeKey(consumer)} ${consumer.clientId}`;
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
