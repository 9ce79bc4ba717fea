import { randomBytes } from 'node:crypto';
import type { IndexDefinition } from '@ganomede/events-protocol';
import { SteadyClock } from '../clock/steady-clock.js';
import { Timestamps } from '../clock/timestamps.js';
import { byBytes, FirstClients } from '../consumers/first-clients.js';
import type { ListedCursor, SavedCursor } from '../consumers/saved-cursor.js';
import { Epochs } from '../events/epochs.js';
import { boundsOf, EventPage, textsOfPage } from '../events/event-page.js';
import { eventText, headerOf } from '../events/event-text.js';
import { type Redaction, redactedHead, redactedText } from '../forgetting/redaction.js';
import type { GroupScope } from '../groups/group-storage.js';
import { excess } from '../retention/excess.js';
import { type FutureMark, futureMark, isTooOld } from '../retention/future-mark.js';
import type {
  Append,
  AppendOutcome,
  ChannelEnd,
  ChannelScope,
  ConsumerScope,
  IndexScope,
  IndexStep,
  PlacedCursor,
  Scan,
  Storage,
  StorageListener,
  TailEvent,
  TrimLimits,
  Unseen,
} from '../storage.js';
import type { FiledTypes } from '../transfer/filed-types.js';
import { newOfPart } from '../transfer/new-of-part.js';
import type {
  GroupSnapshot,
  ImportedCounts,
  ImportedEvent,
  ImportedPart,
} from '../transfer/transfer-storage.js';
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
  /** How often events were redacted. */
  redactions: number;
  /** Whether it was deleted, and nothing was appended since. */
  isDeleted: boolean;
  /** `events[i]` has id `firstId + i`; undefined for an id of a gap. */
  readonly events: (StoredEvent | undefined)[];
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
      lastIdOf: (channel) => this.#channels.get(channel)?.lastId ?? 0,
      released: (scope) => this.#listener?.released(scope),
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
    channel.isDeleted = false;
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
    ): Promise<SavedCursor | undefined> => {
      const key = consumerKey(consumer);
      const known = this.#cursors.get(key);
      const epoch = given ?? known?.epoch;
      const savedAt = known?.after === after ? known.savedAt : Date.now();
      this.#cursors.set(key, { after, savedAt, epoch });
      return known;
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

    delete: async (consumer: ConsumerScope): Promise<boolean> => this.#cursors.delete(consumerKey(consumer)),

    list: async (
      { channel, type }: ChannelScope,
      range: { types: boolean; after: string; limit: number },
    ): Promise<ListedCursor[]> => {
      const first = new FirstClients(range);
      for (const [key, saved] of this.#cursors) {
        const found = parseConsumerKey(key);
        if (found.channel !== channel || !(range.types || found.type === type)) continue;
        first.add({ ...saved, clientId: found.clientId, type: found.type });
      }
      return first.cursors;
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

    delete: async (id: string): Promise<void> => void this.#definitions.delete(id),

    progress: async (scope: IndexScope): Promise<number> => this.#index(scope).progress,

    advance: async (scope: IndexScope, { from, to, entries, redactions }: IndexStep): Promise<number> => {
      const index = this.#index(scope);
      const { redactions: now = 0 } = this.#channels.get(scope.channel) ?? {};
      if (index.progress !== from || redactions !== now) return index.progress;
      for (const { id, key } of entries) {
        const ids = index.ids.get(key) ?? [];
        ids.push(id);
        index.ids.set(key, ids);
      }
      index.progress = to;
      return to;
    },

    trim: async (scope: IndexScope): Promise<number> => {
      const firstId = this.#channels.get(scope.channel)?.firstId ?? 1;
      return this.#keepEntries(scope, (id) => id >= firstId);
    },

    remove: async (scope: IndexScope, ids: readonly number[]): Promise<void> => {
      this.#keepEntries(scope, (id) => !ids.includes(id));
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
    list: async (range: { prefix: string; after: string; limit: number }): Promise<string[]> =>
      [...this.#channels]
        .filter(([, { isDeleted }]) => !isDeleted)
        .map(([name]) => name)
        .filter((name) => name.startsWith(range.prefix) && byBytes(name, range.after) > 0)
        .sort(byBytes)
        .slice(0, range.limit),

    count: async (): Promise<number> => this.#channels.size,

    ends: async (names: readonly string[]): Promise<ChannelEnd[]> =>
      names.map((name) => {
        const { firstId, lastId, timestamp, epochs, redactions, isDeleted } =
          this.#channels.get(name) ?? newChannel();
        return { firstId, lastId, timestamp, epoch: epochs.current, redactions, isDeleted };
      }),

    unseen: async (channel: string, cursors: readonly PlacedCursor[]): Promise<Unseen[]> =>
      cursors.map(({ type, after }) => {
        const found = [...this.#found({ channel, type, after, limit: Number.POSITIVE_INFINITY })];
        return { count: found.length, timestamp: found[0] && headerOf(found[0]).timestamp };
      }),

    delete: async (name: string): Promise<boolean> => {
      const channel = this.#channels.get(name);
      if (channel === undefined) return false;
      this.#drop(channel, channel.events.length);
      channel.isDeleted = true;
      for (const key of this.#cursors.keys()) {
        if (parseConsumerKey(key).channel === name) this.#cursors.delete(key);
      }
      this.#listener?.missed(name);
      return true;
    },

    redact: async (name: string, redactions: readonly Redaction[]): Promise<boolean[]> => {
      const channel = this.#channels.get(name);
      const outcomes = redactions.map((redaction) => {
        const { id, timestamp } = redaction;
        const index = id - (channel?.firstId ?? 1);
        const event = channel?.events[index];
        if (!channel || !event?.text.toString().startsWith(redactedHead(redaction))) return false;
        channel.events[index] = { ...event, text: eventText(id, timestamp, redactedText(redaction)) };
        return true;
      });
      if (channel && outcomes.includes(true)) {
        channel.redactions++;
        this.#listener?.missed(name);
      }
      return outcomes;
    },

    trim: async (name: string, limits: TrimLimits): Promise<void> => {
      const channel = this.#channels.get(name);
      if (channel === undefined) return;
      const { events, firstId, lastId } = channel;
      const { firstId: first = firstId, maxEvents, maxAgeMs, now } = limits;
      const oldest = events.find((event) => event !== undefined);
      if (maxAgeMs > 0 && oldest) {
        const timestamps = [headerOf(oldest.text).timestamp, channel.timestamp];
        channel.futureMark = futureMark(channel.futureMark, { firstId, lastId, timestamps }, now);
      }
      const young = events.findIndex(
        (event) => event && !isTooOld(headerOf(event.text), channel.futureMark, limits),
      );
      const old = young === -1 ? events.length : young;
      const tooMany = Math.max(maxEvents === 0 ? 0 : events.length - maxEvents, first - firstId);
      this.#drop(channel, Math.min(Math.max(old, tooMany), events.length));
      this.#listener?.trimmed(name, channel.firstId);
    },
  };

  readonly transfer = {
    importEvents: async (name: string, part: ImportedPart): Promise<ImportedCounts> => {
      const channel = this.#channels.get(name) ?? newChannel();
      const scan = { channel: name, type: undefined, after: part.after, limit: Number.POSITIVE_INFINITY };
      const kept = [...this.#found(scan)].filter((text) => headerOf(text).id <= part.lastId);
      const { events, known } = newOfPart(name, part, channel, kept);
      if (part.lastId > channel.lastId || events.length > 0) this.#addImported(channel, part, events);
      if (channel.lastId === part.lastId) {
        channel.epochs = part.epochs;
        if (channel.firstId > channel.lastId) channel.isDeleted = part.isDeleted === true;
      }
      this.#channels.set(name, channel);
      this.#listener?.missed(name);
      return { stored: events.length, known };
    },

    importCursors: async (channel: string, cursors: readonly ListedCursor[]): Promise<void> => {
      for (const { clientId, type, ...saved } of cursors) {
        this.#cursors.set(consumerKey({ clientId, channel, type }), saved);
      }
    },

    importGroup: async (group: GroupSnapshot): Promise<boolean> => this.groups.restore(group),

    readGroup: async (scope: GroupScope): Promise<GroupSnapshot | undefined> => this.groups.read(scope),

    filedTypes: (name: string): FiledTypes => ({
      between: async (after, to) => {
        const { firstId = 1, events = [] } = this.#channels.get(name) ?? {};
        const types = new Map<number, string>();
        for (let id = after + 1; id <= to; id++) {
          const filed = events[id - firstId]?.filed;
          if (filed !== undefined) types.set(id, filed);
        }
        return types;
      },
    }),

    unlistedChannels: (): AsyncIterable<string> => this.#unlistedChannels(),
  };

  async close(): Promise<void> {}

  async *#unlistedChannels(): AsyncIterable<string> {
    const names = [...this.#channels.keys(), ...this.groups.channels()];
    for (const key of this.#cursors.keys()) names.push(parseConsumerKey(key).channel);
    for (const name of new Set(names)) if (this.#channels.get(name)?.isDeleted !== false) yield name;
  }

  #addImported(channel: Channel, part: ImportedPart, events: readonly ImportedEvent[]): void {
    if (channel.firstId > channel.lastId) {
      channel.lastId = (events[0]?.id ?? part.lastId + 1) - 1;
      channel.firstId = channel.lastId + 1;
    }
    for (const { id, json: text, filed } of events) {
      while (channel.lastId < id - 1) this.#addGap(channel);
      channel.events.push({ text, filed });
      channel.lastId = id;
      channel.isDeleted = false;
    }
    if (channel.events.length > 0) while (channel.lastId < part.lastId) this.#addGap(channel);
    channel.timestamp = Math.max(channel.timestamp, part.timestamp);
  }

  #addGap(channel: Channel): void {
    channel.events.push(undefined);
    channel.lastId++;
  }

  *#found(scan: Scan): Iterable<Buffer> {
    const { firstId = 1, lastId = 0, events = [] } = this.#channels.get(scan.channel) ?? {};
    if ('after' in scan) {
      for (let id = Math.max(scan.after + 1, firstId); id <= lastId; id++) {
        const event = events[id - firstId];
        if (event && isInScope(event, scan)) yield event.text;
      }
      return;
    }
    const newest = Math.min((scan.before ?? Number.POSITIVE_INFINITY) - 1, lastId);
    for (let id = newest; id >= firstId; id--) {
      const event = events[id - firstId];
      if (event && isInScope(event, scan)) yield event.text;
    }
  }

  #page(name: string, limit: number, found: Iterable<Buffer>): EventPage {
    const { firstId, lastId, epochs, redactions } = this.#channels.get(name) ?? newChannel();
    return new EventPage(textsOfPage(found, limit), boundsOf(firstId, lastId, epochs, redactions));
  }

  #drop(channel: Channel, count: number): void {
    const { events } = channel;
    let end = count;
    // A channel begins with an event, not with ids that none has.
    while (count > 0 && end < events.length && events[end] === undefined) end++;
    events.splice(0, end);
    channel.firstId += end;
  }

  #index(scope: IndexScope): Index {
    const key = `${scopeKey(scope)} ${JSON.stringify(scope.field)}`;
    const index = this.#indices.get(key) ?? { progress: 0, ids: new Map() };
    this.#indices.set(key, index);
    return index;
  }

  /** How many entries were removed. */
  #keepEntries(scope: IndexScope, keeps: (id: number) => boolean): number {
    const { ids } = this.#index(scope);
    let removed = 0;
    for (const [key, all] of ids) {
      const kept = all.filter(keeps);
      removed += all.length - kept.length;
      if (kept.length > 0) ids.set(key, kept);
      else ids.delete(key);
    }
    return removed;
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
  return {
    ...{ firstId: 1, lastId: 0, timestamp: 0, epochs: Epochs.NONE, futureMark: undefined },
    ...{ redactions: 0, isDeleted: false, events: [] },
  };
}

/** Of a type: of those that are kept. */
function lastIdOf({ firstId, lastId, events }: Channel, type: string | undefined): number {
  if (type === undefined) return lastId;
  const i = events.findLastIndex((event) => event?.filed === type);
  return i === -1 ? 0 : firstId + i;
}

function isInScope({ filed }: StoredEvent, { type }: ChannelScope): boolean {
  return type === undefined || filed === type;
}

function scopeKey({ channel, type }: ChannelScope): string {
  return JSON.stringify([channel, type ?? null]);
}

function consumerKey({ channel, type, clientId }: ConsumerScope): string {
  return JSON.stringify([channel, type ?? null, clientId]);
}

function parseConsumerKey(key: string): ConsumerScope {
  const [channel, type, clientId] = JSON.parse(key) as [string, string | null, string];
  return { channel, type: type ?? undefined, clientId };
}
