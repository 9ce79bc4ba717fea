import { type EventInput, type IndexDefinition, parseChannel } from '@ganomede/events-protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EventStore } from '../event-store.js';
import type { EventPage } from '../events/event-page.js';
import { indexedValue } from '../indices/index-value.js';
import type { StoreOptions } from '../options.js';
import { search, searchTimeoutMs } from './search.js';
import { newChannel, type OpenStore, type StoreUnderTest } from './store-under-test.js';

interface FirstUse {
  readonly body: string;
  readonly firstId: number;
  readonly count: number;
}

/** All that a store holds, in the plainest form: lists. */
class Content {
  readonly channels: Map<string, readonly ModelEvent[]>;
  readonly firstIds: Map<string, number>;
  readonly cursors: Map<string, number>;
  readonly keys: Map<string, FirstUse>;
  readonly indices: Map<string, IndexDefinition>;

  /** With `backup` it begins with a copy of that. */
  constructor(backup?: Content) {
    this.channels = new Map(backup?.channels);
    this.firstIds = new Map(backup?.firstIds);
    this.cursors = new Map(backup?.cursors);
    this.keys = new Map(backup?.keys);
    this.indices = new Map(backup?.indices);
  }
}

/** A reader that goes on behind what it has read. */
interface Reader {
  after: number;
  epoch: string | undefined;
  /** The channel as it was when it was read last. */
  read: readonly ModelEvent[];
}

/** What a store is to do. */
class Model {
  /** Channel names of this run begin with it. */
  readonly prefix = newChannel();
  content = new Content();
  backup: { readonly content: Content; restore(): Promise<unknown> } | undefined;
  /** By name. */
  readonly readers = new Map<string, Reader>();
  /** Polls that nothing was there for. */
  readonly polls: WaitingPoll[] = [];

  channel(name: string): readonly ModelEvent[] {
    return this.content.channels.get(parseChannel(name, true).channel) ?? [];
  }

  /** Events of a name that are not known to be dropped, ascending. */
  events(name: string, firstId = this.firstId(name)): ModelEvent[] {
    const { type } = parseChannel(name, true);
    return this.channel(name).filter(
      (event) => event.id >= firstId && (type === undefined || event.filed === type),
    );
  }

  /** Oldest id that is not known to be dropped; one above the newest if there is none. */
  firstId(name: string): number {
    return this.content.firstIds.get(parseChannel(name, true).channel) ?? 1;
  }

  lastId(name: string): number {
    return this.channel(name).length;
  }

  /** Those after a cursor that tells no epoch; one that is ahead has seen the events of another store. */
  after(name: string, after: number): readonly ModelEvent[] {
    const from = after > this.lastId(name) ? 0 : after;
    return this.events(name).filter(({ id }) => id > from);
  }

  /** All below `firstId` is dropped. */
  drop(name: string, firstId: number): void {
    const { channel } = parseChannel(name, true);
    this.content.firstIds.set(channel, Math.max(firstId, this.firstId(name)));
  }

  /** What the store says of a channel is taken if it may be so: retention decides when to drop, within bounds. */
  learnBounds(name: string, page: EventPage, maxEvents: number): void {
    expect(page.lastId).toBe(this.lastId(name));
    const firstId = page.firstId || page.lastId + 1;
    expect(firstId).toBeGreaterThanOrEqual(this.firstId(name));
    if (maxEvents > 0) {
      expect(page.lastId - firstId + 1).toBeLessThanOrEqual(maxEvents + Math.floor(maxEvents / 10));
    }
    // Without a limit nothing is dropped that the model has not dropped.
    const most = maxEvents === 0 ? this.firstId(name) : page.lastId - maxEvents + 1;
    expect(firstId).toBeLessThanOrEqual(Math.max(this.firstId(name), most));
    this.drop(name, firstId);
  }

  /**
   * A poll is answered with what its store has heard of: all that lies after its cursor, but perhaps not yet what was
   * appended, or dropped, a moment ago.
   */
  matchesPoll({ name, after, limit }: ReadCursorOfName, page: EventPage): void {
    expect(page.lastId).toBeLessThanOrEqual(this.lastId(name));
    const firstIds = [page.firstId || page.lastId + 1, ...page.events.slice(0, 1).map(({ id }) => id)];
    const heardOf = this.events(name, Math.min(...firstIds)).filter(
      ({ id }) => id > after && id <= page.lastId,
    );
    const heardOfRedactions = new Set(
      page.events.filter(({ data }) => data === undefined).map(({ id }) => id),
    );
    matches(
      page,
      heardOf
        .slice(0, limit)
        .map((event) => (heardOfRedactions.has(event.id) ? event : { ...event, ...event.published })),
    );
  }
}

interface ReadCursorOfName {
  readonly name: string;
  readonly after: number;
  readonly limit: number;
}

interface WaitingPoll extends ReadCursorOfName {
  readonly page: Promise<EventPage>;
  readonly controller: AbortController;
}

interface ModelEvent extends EventInput {
  readonly id: number;
  readonly filed: string;
  readonly timestamp: number;
  /** What it was when it was appended: the same object for the same event. */
  readonly published: EventInput;
}

interface Real {
  readonly underTest: StoreUnderTest;
  readonly maxEvents: number;
}

type Command = fc.AsyncCommand<Model, Real>;

/** A command that is always allowed. */
function command(text: string, run: (model: Model, real: Real) => Promise<void>): Command {
  return { check: () => true, run, toString: () => text };
}

const storeOf = ({ underTest }: Real, isPeer: boolean): EventStore =>
  isPeer ? underTest.peer : underTest.store;

const anyChannel = fc.constantFrom('a', 'b');
const anyType = fc.constantFrom('x', 'y');
const anyName = fc.oneof(
  anyChannel,
  fc.tuple(anyChannel, anyType).map(([channel, type]) => `${channel}:${type}`),
);
const anyEvents = fc.array(
  fc.record({ from: fc.constant('test'), type: anyType, data: fc.record({ n: fc.nat(3) }) }),
  { minLength: 1, maxLength: 6 },
);
const anyAfter = fc.nat(40);
const anyLimit = fc.oneof(fc.integer({ min: 1, max: 4 }), fc.constant(1_000));
const anyStore = fc.boolean();
/** What takes a while. */
const anyRarely = fc.nat(7).map((n) => n === 7);
const anyConsumer = fc.constantFrom('mailer', 'billing:1');
const anyIndex = fc.constantFrom('by-n', 'by-type');

const matches = (page: EventPage, events: readonly ModelEvent[]) =>
  expect(page.events.map(({ id, from, type, data }) => ({ id, from, type, data }))).toEqual(
    events.map(({ id, from, type, data }) => ({ id, from, type, data })),
  );

const append = fc
  .record({
    name: anyName,
    events: anyEvents,
    key: fc.option(fc.nat(2), { nil: undefined }),
    /** How far what is expected is from the newest id. */
    off: fc.option(fc.constantFrom(0, 0, 1, -1), { nil: undefined }),
    isPeer: anyStore,
  })
  .map(({ name: end, events, key, off, isPeer }) =>
    command(
      `append ${JSON.stringify({ name: end, key, off, isPeer, events: events.map(({ type, data }) => [type, data.n]) })}`,
      async (model, real) => {
        const name = model.prefix + end;
        const { channel, type } = parseChannel(name, true);
        const body = JSON.stringify(events);
        const scope = `${name} ${key}`;
        const known = key === undefined ? undefined : model.content.keys.get(scope);
        const idempotency = key === undefined ? undefined : { clientId: 'model', key: `${key}` };
        if (off !== undefined) {
          model.learnBounds(
            name,
            await real.underTest.store.read({ channel: name, after: 0, limit: 1 }),
            real.maxEvents,
          );
        }
        const lastId = type === undefined ? model.lastId(name) : (model.events(name).at(-1)?.id ?? 0);
        const expectedLastId = off === undefined ? undefined : Math.max(lastId + off, 0);
        const appending = storeOf(real, isPeer).append(name, events, { idempotency, expectedLastId });
        if (known && known.body !== body) {
          await expect(appending).rejects.toMatchObject({ code: 'IdempotencyKeyReused' });
          return;
        }
        if (!known && expectedLastId !== undefined && expectedLastId !== lastId) {
          await expect(appending).rejects.toMatchObject({ code: 'UnexpectedLastId', lastId });
          return;
        }
        const headers = await appending;
        const ids = headers.map(({ id }) => id);
        const firstId = known?.firstId ?? model.lastId(name) + 1;
        expect(ids).toEqual(events.map((_, i) => firstId + i));
        if (known) return;
        const added = events.map((event, i) => {
          const timestamp = headers[i]?.timestamp ?? 0;
          return { ...event, published: event, id: firstId + i, timestamp, filed: type ?? event.type };
        });
        model.content.channels.set(channel, [...model.channel(channel), ...added]);
        if (key !== undefined) model.content.keys.set(scope, { body, firstId, count: events.length });

        const woken = model.polls.filter((poll) => model.events(poll.name).some(({ id }) => id > poll.after));
        for (const poll of woken) {
          model.polls.splice(model.polls.indexOf(poll), 1);
          const page = await poll.page;
          expect(page.count).toBeGreaterThan(0);
          expect(page.lastId).toBe(model.lastId(poll.name));
          model.matchesPoll(poll, page);
        }
      },
    ),
  );

const read = fc
  .record({ name: anyName, after: anyAfter, limit: anyLimit, isPeer: anyStore })
  .map(({ name: end, after, limit, isPeer }) =>
    command(`read ${JSON.stringify({ name: end, after, limit, isPeer })}`, async (model, real) => {
      const name = model.prefix + end;
      const page = await storeOf(real, isPeer).read({ channel: name, after, limit });
      model.learnBounds(name, page, real.maxEvents);
      matches(page, model.after(name, after).slice(0, limit));
    }),
  );

const latest = fc
  .record({
    name: anyName,
    before: fc.option(fc.integer({ min: 1, max: 40 }), { nil: undefined }),
    limit: anyLimit,
    isPeer: anyStore,
  })
  .map(({ name: end, before, limit, isPeer }) =>
    command(`latest ${JSON.stringify({ name: end, before, limit, isPeer })}`, async (model, real) => {
      const name = model.prefix + end;
      const page = await storeOf(real, isPeer).latest({ channel: name, before, limit });
      model.learnBounds(name, page, real.maxEvents);
      matches(
        page,
        model
          .events(name)
          .filter(({ id }) => id < (before ?? Number.POSITIVE_INFINITY))
          .slice(-limit),
      );
    }),
  );

/** At most at the newest id: a cursor that is ahead has rules of its own, which the suite of polls tests. */
const poll = fc
  .record({ name: anyName, behind: fc.nat(6), limit: anyLimit, isPeer: anyStore, isShort: anyRarely })
  .map(({ name: end, behind, limit, isPeer, isShort }) =>
    command(`poll ${JSON.stringify({ name: end, behind, limit, isPeer, isShort })}`, async (model, real) => {
      const name = model.prefix + end;
      const after = Math.max(model.lastId(name) - behind, 0);
      const controller = new AbortController();
      const page = storeOf(real, isPeer).poll(
        { channel: name, after, limit },
        { timeoutMs: isShort ? 1 : WAIT_MS, signal: controller.signal },
      );
      const isAnythingThere = model.events(name).some(({ id }) => id > after);
      if (isShort) model.matchesPoll({ name, after, limit }, await page);
      else if (isAnythingThere) {
        expect((await page).count).toBeGreaterThan(0);
        model.matchesPoll({ name, after, limit }, await page);
      } else model.polls.push({ name, after, limit, page, controller });
    }),
  );

const abortPoll = fc.nat(5).map((i) =>
  command(`abort poll ${i}`, async (model) => {
    const [aborted] = model.polls.splice(i, 1);
    aborted?.controller.abort();
    expect((await aborted?.page)?.count ?? 0).toBe(0);
  }),
);

const trimToCount = fc
  .record({ channel: anyChannel, maxEvents: fc.integer({ min: 1, max: 12 }) })
  .map(({ channel: end, maxEvents }) =>
    command(`trim ${JSON.stringify({ channel: end, maxEvents })}`, async (model, { underTest }) => {
      const channel = model.prefix + end;
      await underTest.trim?.(channel, { maxEvents, maxAgeMs: 0, now: Date.now() });
      model.drop(channel, model.lastId(channel) - maxEvents + 1);
    }),
  );

/** Drops what is older than the event that is so far from the newest, about. */
const trimToAge = fc.record({ channel: anyChannel, back: fc.nat(20) }).map(({ channel: end, back }) =>
  command(`trim to age ${JSON.stringify({ channel: end, back })}`, async (model, real) => {
    const channel = model.prefix + end;
    const bounds = () => real.underTest.store.read({ channel, after: 0, limit: 1 });
    model.learnBounds(channel, await bounds(), real.maxEvents);
    const events = model.events(channel);
    const youngest = events.at(-1 - back);
    if (youngest === undefined) return;
    const from = Date.now();
    const maxAgeMs = Math.max(from - youngest.timestamp, 1);
    await real.underTest.trim?.(channel, { maxEvents: 0, maxAgeMs, now: from });
    const to = Date.now();
    const page = await bounds();
    const firstId = page.firstId || page.lastId + 1;
    const dropped = events.filter(({ id }) => id < firstId);
    const kept = events.filter(({ id }) => id >= firstId);
    const cut = { from: from - maxAgeMs - CLOCK_MS, to: to - maxAgeMs + CLOCK_MS };
    expect(Math.max(...dropped.map(({ timestamp }) => timestamp)), 'dropped').toBeLessThanOrEqual(cut.to);
    expect(Math.min(...kept.map(({ timestamp }) => timestamp)), 'kept').toBeGreaterThanOrEqual(cut.from);
    model.drop(channel, firstId);
  }),
);

const reopen = fc.constant(
  command('reopen', async (model, { underTest }) => {
    const waiting = model.polls.splice(0);
    await underTest.reopen?.();
    for (const { page } of waiting) expect((await page).count).toBe(0);
  }),
);

const saveCursor = fc
  .record({ name: anyName, clientId: anyConsumer, after: anyAfter, isPeer: anyStore })
  .map(({ name: end, clientId, after, isPeer }) =>
    command(`saveCursor ${JSON.stringify({ name: end, clientId, after, isPeer })}`, async (model, real) => {
      await storeOf(real, isPeer).saveCursor(clientId, model.prefix + end, after);
      model.content.cursors.set(`${clientId} ${end}`, after);
    }),
  );

const loadCursor = fc
  .record({ name: anyName, clientId: anyConsumer, isPeer: anyStore })
  .map(({ name: end, clientId, isPeer }) =>
    command(`loadCursor ${JSON.stringify({ name: end, clientId, isPeer })}`, async (model, real) => {
      const found = await storeOf(real, isPeer).loadCursor(clientId, model.prefix + end);
      expect(found.after).toBe(model.content.cursors.get(`${clientId} ${end}`) ?? 0);
    }),
  );

const createIndex = fc
  .record({ name: anyName, index: anyIndex, isPeer: anyStore })
  .map(({ name: end, index, isPeer }) =>
    command(`createIndex ${JSON.stringify({ name: end, index, isPeer })}`, async (model, real) => {
      const definition = {
        id: `${model.prefix} ${index}`,
        channel: model.prefix + end,
        field: index === 'by-n' ? 'data.n' : 'type',
      };
      const known = model.content.indices.get(index);
      const creating = storeOf(real, isPeer).createIndex(definition);
      if (known && known.channel !== definition.channel) {
        await expect(creating).rejects.toMatchObject({ code: 'Conflict' });
        return;
      }
      await creating;
      model.content.indices.set(index, definition);
    }),
  );

const readIndex = fc
  .record({ index: anyIndex, value: fc.constantFrom('0', '1', 'x', 'y'), limit: anyLimit, isPeer: anyStore })
  .map(({ index, value, limit, isPeer }) =>
    command(`readIndex ${JSON.stringify({ index, value, limit, isPeer })}`, async (model, real) => {
      const known = model.content.indices.get(index);
      const reading = storeOf(real, isPeer).readIndex({ id: `${model.prefix} ${index}`, value, limit });
      if (known === undefined) {
        await expect(reading).rejects.toMatchObject({ code: 'ResourceNotFound' });
        return;
      }
      const { rows } = await reading;
      model.learnBounds(known.channel, rows, real.maxEvents);
      const found = model.events(known.channel).filter((event) => indexedValue(event, known.field) === value);
      matches(rows, found.reverse().slice(0, limit));
    }),
  );

/** Some of the newest events, and one that there is not. */
const redact = fc
  .record({ channel: anyChannel, back: fc.uniqueArray(fc.nat(12), { maxLength: 4 }), isPeer: anyStore })
  .map(({ channel: end, back, isPeer }) =>
    command(`redact ${JSON.stringify({ channel: end, back, isPeer })}`, async (model, real) => {
      const channel = model.prefix + end;
      const store = storeOf(real, isPeer);
      const lastId = model.lastId(channel);
      const ids = back.map((each) => lastId + 1 - each).filter((id) => id > 0);
      if (lastId === 0) {
        await expect(store.redact(channel, [1])).rejects.toMatchObject({ code: 'ResourceNotFound' });
        return;
      }
      model.learnBounds(channel, await store.read({ channel, after: 0, limit: 1 }), real.maxEvents);
      const kept = new Set(model.events(channel).map(({ id }) => id));
      const expected = ids.map((id) => ({ id, isRedacted: kept.has(id) }));
      expect(await store.redact(channel, ids)).toEqual(expected);
      const redacted = model
        .channel(channel)
        .map((event) =>
          ids.includes(event.id) && kept.has(event.id) ? { ...event, data: undefined } : event,
        );
      model.content.channels.set(channel, redacted as ModelEvent[]);
    }),
  );

const listConsumers = fc.record({ channel: anyChannel, isPeer: anyStore }).map(({ channel: end, isPeer }) =>
  command(`consumers ${JSON.stringify({ channel: end, isPeer })}`, async (model, real) => {
    const channel = model.prefix + end;
    const store = storeOf(real, isPeer);
    model.learnBounds(channel, await store.read({ channel, after: 0, limit: 1 }), real.maxEvents);
    const expected = [...model.content.cursors]
      .map(([key, after]) => [...key.split(' '), after] as [string, string, number])
      .filter(([, name]) => parseChannel(name, true).channel === end)
      .map(([clientId, name, after]) => {
        const { length: lag } = model.after(model.prefix + name, after);
        return { clientId, channel: model.prefix + name, after, lag };
      })
      .sort((a, b) => (`${a.clientId} ${a.channel}` < `${b.clientId} ${b.channel}` ? -1 : 1));
    expect(await store.consumers(channel, { limit: 9 })).toMatchObject(expected);
  }),
);

const deleteChannel = fc.record({ channel: anyChannel, isPeer: anyStore }).map(({ channel: end, isPeer }) =>
  command(`delete ${JSON.stringify({ channel: end, isPeer })}`, async (model, { underTest, maxEvents }) => {
    const channel = model.prefix + end;
    const store = storeOf({ underTest, maxEvents }, isPeer);
    const lastId = model.lastId(channel);
    if (lastId === 0) {
      await expect(store.deleteChannel(channel)).rejects.toMatchObject({ code: 'ResourceNotFound' });
      return;
    }
    await store.deleteChannel(channel);
    model.drop(channel, lastId + 1);
    const { cursors, indices } = model.content;
    for (const key of cursors.keys()) {
      if (parseChannel(key.split(' ')[1] as string, true).channel === end) cursors.delete(key);
    }
    for (const [id, index] of indices) {
      if (parseChannel(index.channel, true).channel === channel) indices.delete(id);
    }
    // What a poll has been given from memory would be taken for what it has waited for.
    for (const reader of [underTest.store, underTest.peer]) {
      const look = () => reader.poll({ channel, after: lastId - 1, limit: 1 }, { timeoutMs: 1 });
      await expect.poll(async () => (await look()).count).toBe(0);
    }
  }),
);

const backUp = fc.constant(
  command('back up', async (model, { underTest }) => {
    model.backup = { content: new Content(model.content), restore: await underTest.backUp() };
  }),
);

const restore = fc.constant(
  command('restore', async (model) => {
    if (model.backup === undefined) return;
    const waiting = model.polls.splice(0);
    // No two epochs begin at the same time.
    await new Promise((resolve) => setTimeout(resolve, 2));
    await model.backup.restore();
    model.content = new Content(model.backup.content);
    for (const { page } of waiting) expect((await page).count).toBe(0);
  }),
);

/** Reads on where the reader is; it is told if it has seen what the store no longer has. */
const readOn = fc
  .record({ name: anyName, limit: anyLimit, isPeer: anyStore })
  .map(({ name: end, limit, isPeer }) =>
    command(`readOn ${JSON.stringify({ name: end, limit, isPeer })}`, async (model, real) => {
      const name = model.prefix + end;
      const reader = model.readers.get(end) ?? { after: 0, epoch: undefined, read: [] };
      model.readers.set(end, reader);
      const { after, epoch } = reader;
      const page = await storeOf(real, isPeer).read({ channel: name, after, epoch, limit });
      model.learnBounds(name, page, real.maxEvents);
      const now = model.channel(name);
      const seen = reader.read.slice(0, after);
      const lost = seen.findIndex((event, i) => event.published !== now[i]?.published);
      if (lost === -1) expect(page.rewoundTo).toBeUndefined();
      // Less is allowed: then events are repeated.
      else expect(page.rewoundTo ?? Number.POSITIVE_INFINITY).toBeLessThanOrEqual(lost);
      const from = page.rewoundTo ?? after;
      matches(
        page,
        model
          .events(name)
          .filter(({ id }) => id > from)
          .slice(0, limit),
      );
      reader.after = page.events.at(-1)?.id ?? from;
      reader.epoch = page.epoch || undefined;
      reader.read = now;
    }),
  );

/** A poll that ends by its time has missed an event. Short, since many sequences are tried to find a short one. */
const WAIT_MS = 2_000;

/** How far the clock of an engine may be from ours, milliseconds. */
const CLOCK_MS = 1;

/** Of so many commands one takes as long as all others. */
const SLOW_EVERY = 40;

function anyCommands({ trim, reopen: canReopen }: StoreUnderTest, restores: boolean) {
  const usual = [append, append, append, read, readOn, latest, poll, poll, abortPoll, saveCursor, loadCursor];
  const quick = [
    ...usual,
    createIndex,
    readIndex,
    redact,
    listConsumers,
    ...(trim ? [trimToCount, trimToAge] : []),
  ];
  const slow = [
    deleteChannel,
    ...(canReopen ? [reopen] : []),
    ...(restores ? [backUp, restore, restore] : []),
  ];
  const arbitrary = fc.oneof(
    { weight: SLOW_EVERY, arbitrary: fc.oneof(...quick) },
    ...slow.map((one) => ({ weight: 1, arbitrary: one })),
  );
  return fc.commands([arbitrary], { size: 'large', maxCommands: 40 });
}

/**
 * Searches for a sequence of calls after which a store does not do what a list would. On failure fast-check prints the
 * shortest one that it finds, and its seed. `runs`: how many sequences are tried, unless the environment asks for more; `restores`:
 * whether backups are restored in the middle.
 */
export function describeModel(open: OpenStore, runs: number, restores: boolean): void {
  describe('like a model of it', () => {
    const isHeld = (options: StoreOptions, maxEvents: number) => async () => {
      const underTest = await open(options);
      await search(anyCommands(underTest, restores), runs, async (commands) => {
        const model = new Model();
        await fc.asyncModelRun(() => ({ model, real: { underTest, maxEvents } }), commands);
        // Whoever still waits is woken by one more event of each type.
        const ends = ['a', 'b'].flatMap((channel) => ['x', 'y'].map((type) => ({ channel, type })));
        for (const { channel, type } of ends) {
          await underTest.store.append(model.prefix + channel, [{ from: 'test', type, data: { n: 0 } }]);
        }
        for (const { page } of model.polls) expect((await page).count).toBeGreaterThan(0);
      });
    };

    it('keeping everything', isHeld({}, 0), searchTimeoutMs);
    it('keeping the newest events', isHeld({ retention: { maxEvents: 10 } }, 10), searchTimeoutMs);
  });
}
