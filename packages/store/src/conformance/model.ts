import { type EventInput, type IndexDefinition, parseChannel } from '@ganomede/events-protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EventStore } from '../event-store.js';
import type { EventPage } from '../events/event-page.js';
import { indexedValue } from '../indices/index-value.js';
import type { StoreOptions } from '../options.js';
import { newChannel, type OpenStore, type StoreUnderTest } from './store-under-test.js';

/** What a store is to do, in the plainest form: lists. */
class Model {
  /** Channel names of this run begin with it. */
  readonly prefix = newChannel();
  readonly channels = new Map<string, ModelEvent[]>();
  readonly firstIds = new Map<string, number>();
  readonly cursors = new Map<string, number>();
  readonly keys = new Map<
    string,
    { readonly body: string; readonly firstId: number; readonly count: number }
  >();
  readonly indices = new Map<string, IndexDefinition>();
  /** Polls that nothing was there for. */
  readonly polls: {
    readonly name: string;
    readonly after: number;
    readonly limit: number;
    readonly page: Promise<EventPage>;
  }[] = [];

  /** Events of a name that are not known to be dropped, ascending. */
  events(name: string): ModelEvent[] {
    const { channel, type } = parseChannel(name, true);
    const first = this.firstIds.get(channel) ?? 1;
    return (this.channels.get(channel) ?? []).filter(
      (event) => event.id >= first && (type === undefined || event.filed === type),
    );
  }

  lastId(name: string): number {
    return this.channels.get(parseChannel(name, true).channel)?.length ?? 0;
  }

  /** What the store says of a channel is taken if it may be so: retention decides when to drop, within bounds. */
  learnBounds(name: string, page: EventPage, maxEvents: number): void {
    expect(page.lastId).toBe(this.lastId(name));
    this.#learnFirstId(name, page, maxEvents);
  }

  /**
   * A poll is answered with what its store has heard of: all that lies after its cursor, but perhaps not yet what was
   * appended a moment ago.
   */
  matchesPoll(
    { name, after, limit }: { name: string; after: number; limit: number },
    page: EventPage,
    maxEvents: number,
  ): void {
    expect(page.count).toBeGreaterThan(0);
    expect(page.lastId).toBeLessThanOrEqual(this.lastId(name));
    this.#learnFirstId(name, page, maxEvents);
    const heardOf = this.events(name).filter(({ id }) => id > after && id <= page.lastId);
    matches(page, heardOf.slice(0, limit));
  }

  #learnFirstId(name: string, { firstId, lastId }: EventPage, maxEvents: number): void {
    const { channel } = parseChannel(name, true);
    const kept = lastId - firstId + 1;
    if (lastId === 0 || maxEvents === 0) expect(firstId).toBe(Math.min(lastId, 1));
    else {
      expect(kept).toBeGreaterThanOrEqual(Math.min(lastId, maxEvents));
      expect(kept).toBeLessThanOrEqual(maxEvents + Math.floor(maxEvents / 10));
    }
    if (firstId > (this.firstIds.get(channel) ?? 0)) this.firstIds.set(channel, firstId);
  }
}

interface ModelEvent extends EventInput {
  readonly id: number;
  readonly filed: string;
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
    isPeer: anyStore,
  })
  .map(({ name: end, events, key, isPeer }) =>
    command(
      `append ${JSON.stringify({ name: end, key, isPeer, events: events.map(({ type, data }) => [type, data.n]) })}`,
      async (model, real) => {
        const name = model.prefix + end;
        const { channel, type } = parseChannel(name, true);
        const body = JSON.stringify(events);
        const scope = `${name} ${key}`;
        const known = key === undefined ? undefined : model.keys.get(scope);
        const idempotency = key === undefined ? undefined : { clientId: 'model', key: `${key}` };
        const appending = storeOf(real, isPeer).append(name, events, { idempotency });
        if (known && known.body !== body) {
          await expect(appending).rejects.toMatchObject({ code: 'IdempotencyKeyReused' });
          return;
        }
        const ids = (await appending).map(({ id }) => id);
        const firstId = known?.firstId ?? model.lastId(name) + 1;
        expect(ids).toEqual(events.map((_, i) => firstId + i));
        if (known) return;
        const all = model.channels.get(channel) ?? [];
        events.forEach((event, i) => {
          all.push({ ...event, id: firstId + i, filed: type ?? event.type });
        });
        model.channels.set(channel, all);
        if (key !== undefined) model.keys.set(scope, { body, firstId, count: events.length });

        const woken = model.polls.filter((poll) => model.events(poll.name).some(({ id }) => id > poll.after));
        for (const poll of woken) {
          model.polls.splice(model.polls.indexOf(poll), 1);
          const page = await poll.page;
          model.learnBounds(poll.name, page, real.maxEvents);
          matches(
            page,
            model
              .events(poll.name)
              .filter(({ id }) => id > poll.after)
              .slice(0, poll.limit),
          );
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
      matches(
        page,
        model
          .events(name)
          .filter(({ id }) => id > after)
          .slice(0, limit),
      );
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
  .record({ name: anyName, behind: fc.nat(6), limit: anyLimit, isPeer: anyStore })
  .map(({ name: end, behind, limit, isPeer }) =>
    command(`poll ${JSON.stringify({ name: end, behind, limit, isPeer })}`, async (model, real) => {
      const name = model.prefix + end;
      const after = Math.max(model.lastId(name) - behind, 0);
      const page = storeOf(real, isPeer).poll({ channel: name, after, limit }, { timeoutMs: WAIT_MS });
      const there = model.events(name).filter(({ id }) => id > after);
      if (there.length === 0) {
        model.polls.push({ name, after, limit, page });
        return;
      }
      model.matchesPoll({ name, after, limit }, await page, real.maxEvents);
    }),
  );

const saveCursor = fc
  .record({ name: anyName, clientId: anyConsumer, after: anyAfter, isPeer: anyStore })
  .map(({ name: end, clientId, after, isPeer }) =>
    command(`saveCursor ${JSON.stringify({ name: end, clientId, after, isPeer })}`, async (model, real) => {
      await storeOf(real, isPeer).saveCursor(clientId, model.prefix + end, after);
      model.cursors.set(`${clientId} ${end}`, after);
    }),
  );

const loadCursor = fc
  .record({ name: anyName, clientId: anyConsumer, isPeer: anyStore })
  .map(({ name: end, clientId, isPeer }) =>
    command(`loadCursor ${JSON.stringify({ name: end, clientId, isPeer })}`, async (model, real) => {
      const found = await storeOf(real, isPeer).loadCursor(clientId, model.prefix + end);
      expect(found.after).toBe(model.cursors.get(`${clientId} ${end}`) ?? 0);
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
      const known = model.indices.get(index);
      const creating = storeOf(real, isPeer).createIndex(definition);
      if (known && known.channel !== definition.channel) {
        await expect(creating).rejects.toMatchObject({ code: 'Conflict' });
        return;
      }
      await creating;
      model.indices.set(index, definition);
    }),
  );

const readIndex = fc
  .record({ index: anyIndex, value: fc.constantFrom('0', '1', 'x', 'y'), limit: anyLimit, isPeer: anyStore })
  .map(({ index, value, limit, isPeer }) =>
    command(`readIndex ${JSON.stringify({ index, value, limit, isPeer })}`, async (model, real) => {
      const known = model.indices.get(index);
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

/** A poll that ends by its time has missed an event. Short, since many sequences are tried to find a short one. */
const WAIT_MS = 2_000;

/** How many sequences of commands are tried; the environment may ask for more. */
const RUNS = Number(process.env.MODEL_RUNS ?? 60);

/**
 * Searches for a sequence of calls after which a store does not do what a list would. On failure fast-check prints the
 * shortest one that it finds, and its seed.
 */
export function describeModel(open: OpenStore): void {
  describe('like a model of it', () => {
    const search = (options: StoreOptions, maxEvents: number) => async () => {
      const underTest = await open(options);
      const anyCommands = fc.commands(
        [append, append, read, latest, poll, saveCursor, loadCursor, createIndex, readIndex],
        { size: 'large', maxCommands: 40 },
      );
      await fc.assert(
        fc.asyncProperty(anyCommands, async (commands) => {
          const model = new Model();
          await fc.asyncModelRun(() => ({ model, real: { underTest, maxEvents } }), commands);
          // Whoever still waits is woken by one more event of each type.
          const ends = ['a', 'b'].flatMap((channel) => ['x', 'y'].map((type) => ({ channel, type })));
          for (const { channel, type } of ends) {
            await underTest.store.append(model.prefix + channel, [{ from: 'test', type, data: { n: 0 } }]);
          }
          for (const { page } of model.polls) expect((await page).count).toBeGreaterThan(0);
        }),
        { numRuns: RUNS, endOnFailure: false },
      );
    };

    it('keeping everything', search({}, 0), 600_000);
    it('keeping the newest events', search({ retention: { maxEvents: 10 } }, 10), 600_000);
  });
}
