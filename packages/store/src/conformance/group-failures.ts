import { EventsError } from '@ganomede/events-protocol';
import { expect, it } from 'vitest';
import { type EventStore, openEventStore, type WorkerSettlement } from '../event-store.js';
import type { ReceivedEvent } from '../groups/dispatcher.js';
import { BURIAL_MS, type GroupStorage } from '../groups/group-storage.js';
import type { Storage } from '../storage.js';
import { event, events, LONG_MS, newChannel, untilWaiting, upTo } from './store-under-test.js';

/** The same storage with some of its methods changed; closing a store on it leaves it open. */
function link(storage: Storage, changes: Partial<Storage>): Storage {
  const { cursors, indices, channels, groups, subscriptions } = storage;
  return {
    cursors,
    indices,
    channels,
    groups,
    ...(subscriptions && { subscriptions }),
    listen: (listener) => storage.listen(listener),
    append: (append) => storage.append(append),
    scan: (scan) => storage.scan(scan),
    eventsById: async (channel, ids) => storage.eventsById(channel, ids),
    close: async () => {},
    ...changes,
  };
}

/** Groups with some of their methods changed. */
function changedGroups(storage: Storage, changes: Partial<GroupStorage>): GroupStorage {
  const { groups } = storage;
  return {
    save: (...args) => groups.save(...args),
    work: (...args) => groups.work(...args),
    bury: (...args) => groups.bury(...args),
    redrive: (...args) => groups.redrive(...args),
    list: (...args) => groups.list(...args),
    delete: (...args) => groups.delete(...args),
    ...changes,
  };
}

type Delivered = Pick<WorkerSettlement, 'id' | 'token'>;

const delivered = ({ id, delivery: { token } }: ReceivedEvent): Delivered => ({ id, token });

function away(): EventsError {
  return new EventsError('ServiceUnavailable', 'The storage is away');
}

/** Registers tests of a store on the engine whose storage fails in the middle. */
export function describeGroupFailures(open: () => Promise<{ readonly storage: Storage }>): void {
  const work = (store: EventStore, name: string, timeoutMs = 0, settle: readonly WorkerSettlement[] = []) =>
    store.receive(name, 'g', { clientId: 'worker', limit: 100, timeoutMs, settle });

  const letters = async (store: EventStore, channel: string) =>
    (await store.read({ channel: `${channel}.dead-letters`, after: 0, limit: 100 })).count;

  it(
    'write each dead letter once, if its channel was away and if a process ended before the burial',
    async () => {
      const { storage } = await open();
      const [unwritable, unburied] = [newChannel(), newChannel()];
      const failed: string[] = [];
      const fails = (what: string, channel: string) => {
        if (failed.includes(what) || !channel.startsWith(what === 'append' ? unwritable : unburied)) return;
        failed.push(what);
        throw away();
      };
      const store = await openEventStore(() =>
        link(storage, {
          append: async (append) => {
            if (append.channel.endsWith('.dead-letters')) fails('append', append.channel);
            return storage.append(append);
          },
          groups: changedGroups(storage, {
            bury: async (scope, buried) => {
              fails('bury', scope.channel);
              return storage.groups.bury(scope, buried);
            },
          }),
        }),
      );
      for (const channel of [unwritable, unburied]) {
        await store.append(channel, events(1));
        const { events: received } = await work(store, channel);
        const settle = received.map(
          ({ id, delivery: { token } }): WorkerSettlement => ({ kind: 'reject', id, token, reason: 'bad' }),
        );
        expect(await store.settle(channel, 'g', settle)).toEqual([true]);
        expect((await store.groups(channel))[0], 'it stays').toMatchObject({ pending: 1, deadLetters: 0 });
        expect(await store.redrive(channel, 'g', { limit: 1 })).toEqual([]);
      }
      expect(failed).toEqual(['append', 'bury']);
      expect([await letters(store, unwritable), await letters(store, unburied)]).toEqual([0, 1]);
      const waiting = [unwritable, unburied].map((channel) => work(store, channel, 6 * BURIAL_MS));
      for (const channel of [unwritable, unburied]) {
        await expect
          .poll(async () => (await store.groups(channel))[0], { timeout: 5 * BURIAL_MS })
          .toMatchObject({ pending: 0, deadLetters: 1 });
        expect(await letters(store, channel)).toBe(1);
        await store.append(channel, [event(2)]);
      }
      for (const received of await Promise.all(waiting)) expect(received.events).toMatchObject([{ id: 2 }]);
      await store.close();
    },
    6 * BURIAL_MS,
  );

  it('write the other dead letters if one cannot be written', async () => {
    const { storage } = await open();
    const channel = newChannel();
    const store = await openEventStore(() =>
      link(storage, {
        append: async (append) => {
          if (append.events.some(({ text }) => text.includes('"id":2'))) throw away();
          return storage.append(append);
        },
      }),
    );
    await store.append(channel, events(3));
    const { events: received } = await work(store, channel);
    await store.settle(
      channel,
      'g',
      received.map((one) => ({ kind: 'reject', reason: 'bad', ...delivered(one) })),
    );
    expect((await store.groups(channel))[0]).toMatchObject({ pending: 1, deadLetters: 2 });
    expect(await letters(store, channel)).toBe(2);
    await store.close();
  });

  it('keep the settings of a group that somebody creates before they do', async () => {
    const { storage } = await open();
    const channel = newChannel();
    const settings = { maxDeliveries: 3, maxPending: 7 };
    const other = await openEventStore(() => link(storage, {}));
    const store = await openEventStore(() =>
      link(storage, {
        groups: changedGroups(storage, {
          save: async (...args) => {
            await other.saveGroup(channel, 'g', settings);
            return storage.groups.save(...args);
          },
        }),
      }),
    );
    await store.append(channel, events(1));
    expect((await work(store, channel)).events).toMatchObject([{ id: 1, delivery: { maxDeliveries: 3 } }]);
    expect(await store.groups(channel)).toMatchObject([{ settings, pending: 1 }]);
    await Promise.all([store.close(), other.close()]);
  });

  it('wait on while the storage is away', async () => {
    const { storage } = await open();
    const channel = newChannel();
    let isAway = false;
    const store = await openEventStore(() =>
      link(storage, {
        groups: changedGroups(storage, {
          work: async (...args) => {
            if (isAway) throw away();
            return storage.groups.work(...args);
          },
        }),
      }),
    );
    const waiting = work(store, channel, LONG_MS);
    await untilWaiting(store, 1);
    isAway = true;
    await store.append(channel, events(1));
    await expect(work(store, channel)).rejects.toMatchObject({ code: 'ServiceUnavailable' });
    isAway = false;
    expect((await waiting).events).toMatchObject([{ id: 1, delivery: { count: 1 } }]);
    await store.close();
  });

  it('go with their channel, also one that is created while it is deleted', async () => {
    const { storage } = await open();
    const channel = newChannel();
    const other = await openEventStore(() => link(storage, {}));
    let isDeleting = false;
    const store = await openEventStore(() =>
      link(storage, {
        groups: changedGroups(storage, {
          list: async (name) => {
            const listed = await storage.groups.list(name);
            if (isDeleting) await other.receive(name, 'late', { clientId: 'c', limit: 1, timeoutMs: 0 });
            isDeleting = false;
            return listed;
          },
        }),
      }),
    );
    await store.append(channel, events(1));
    await store.saveGroup(channel, 'g');
    isDeleting = true;
    await store.deleteChannel(channel);
    expect(isDeleting).toBe(false);
    expect(await store.groups(channel)).toEqual([]);
    await Promise.all([store.close(), other.close()]);
  });

  it('hand out an event again as it is, not as it was when they looked for new ones', async () => {
    const { storage } = await open();
    const channel = newChannel();
    const other = await openEventStore(() => link(storage, {}));
    let redacts = false;
    const store = await openEventStore(() =>
      link(storage, {
        groups: changedGroups(storage, {
          work: async (scope, given) => {
            if (redacts && given.found?.events.some(({ id }) => id === 2)) {
              redacts = false;
              // Meanwhile it is given to another worker, which gives it back, and redacted.
              const { events: received } = await work(other, channel);
              const settle = received.map(
                ({ id, delivery: { token } }): WorkerSettlement => ({
                  kind: 'release',
                  id,
                  token,
                  delayMs: 0,
                }),
              );
              await other.settle(channel, 'g', settle);
              await other.redact(channel, [2]);
            }
            return storage.groups.work(scope, given);
          },
        }),
      }),
    );
    await store.append(channel, events(1));
    await work(store, channel);
    await store.append(channel, events(2));
    redacts = true;
    const { events: received } = await work(store, channel);
    expect(redacts).toBe(false);
    expect(received).toMatchObject([{ id: 3, delivery: { count: 2 } }]);
    await Promise.all([store.close(), other.close()]);
  });

  it('answer what is done if the storage goes away before the rest', async () => {
    const { storage } = await open();
    const channel = newChannel();
    let isAway = false;
    const store = await openEventStore(() =>
      link(storage, {
        eventsById: async (...args) => {
          if (isAway) throw away();
          return storage.eventsById(...args);
        },
      }),
    );
    await store.saveGroup(channel, 'g', { backoffMs: [0] });
    await store.append(channel, events(3));
    const { events: received } = await work(store, channel);
    const [first, second] = received.map(delivered) as [Delivered, Delivered];
    await store.settle(channel, 'g', [{ kind: 'release', ...second }]);
    await store.append(channel, events(1));
    isAway = true;
    const acknowledge = { kind: 'acknowledge', ...first } as const;
    // All in one step: who settles, who gets what was out before, and who gets the new one.
    const [settled, again, anew] = await Promise.allSettled([
      store.settle(channel, 'g', [acknowledge]),
      store.receive(channel, 'g', { clientId: 'a', limit: 1, timeoutMs: 0 }),
      store.receive(channel, 'g', { clientId: 'b', limit: 1, timeoutMs: 0 }),
    ]);
    expect(settled).toMatchObject({ status: 'fulfilled', value: [true] });
    expect(again).toMatchObject({ status: 'rejected', reason: { code: 'ServiceUnavailable' } });
    expect(anew).toMatchObject({ status: 'fulfilled', value: { events: [{ id: 4 }] } });
    isAway = false;
    // It was not delivered.
    expect((await work(store, channel)).events).toMatchObject([{ id: 2, delivery: { count: 2 } }]);
    await store.close();
  });

  it('redact the dead letter of an event that is redacted while it is written', async () => {
    const { storage } = await open();
    const channel = newChannel();
    let redacts = true;
    const store: EventStore = await openEventStore(() =>
      link(storage, {
        append: async (append) => {
          if (append.channel.endsWith('.dead-letters') && redacts) {
            redacts = false;
            await store.redact(channel, [1]);
          }
          return storage.append(append);
        },
      }),
    );
    await store.append(channel, [{ ...event(1), data: { name: 'secret' } }, event(2)]);
    const { events: received } = await work(store, channel);
    await store.settle(
      channel,
      'g',
      received.map((one) => ({ kind: 'reject', reason: 'bad', ...delivered(one) })),
    );
    expect(redacts).toBe(false);
    const page = await store.read({ channel: `${channel}.dead-letters`, after: 0, limit: 9 });
    expect(page.events.filter((letter) => 'redacted' in letter)).toHaveLength(1);
    expect(page.events).toContainEqual(
      expect.objectContaining({
        data: expect.objectContaining({ event: expect.objectContaining({ id: 2 }) }),
      }),
    );
    expect(page.json).not.toContain('secret');
    await store.close();
  });

  it('wait for no dead letter but that of an event whose turn they end', async () => {
    const { storage } = await open();
    const channel = newChannel();
    let write = () => {};
    const held = new Promise<void>((resolve) => {
      write = resolve;
    });
    let isHeld = () => {};
    const holding = new Promise<void>((resolve) => {
      isHeld = resolve;
    });
    const store = await openEventStore(() =>
      link(storage, {
        append: async (append) => {
          if (append.channel.endsWith('.dead-letters')) {
            isHeld();
            await held;
          }
          return storage.append(append);
        },
      }),
    );
    await store.append(channel, events(4));
    const { events: received } = await work(store, channel, 0);
    await store.append(channel, events(1));
    const [bad, good, worse] = received.map(delivered) as [Delivered, Delivered, Delivered];
    const ends: string[] = [];
    const rejecting = store
      .settle(channel, 'g', [{ kind: 'reject', reason: 'bad', ...bad }])
      .then(() => ends.push('rejected'));
    // In the same step.
    const [settled, next] = await Promise.all([
      store.settle(channel, 'g', [{ kind: 'acknowledge', ...good }]),
      work(store, channel, 0, [{ kind: 'reject', reason: 'bad', ...worse }]),
    ]);
    expect(settled).toEqual([true]);
    expect(next).toMatchObject({ settled: [true], events: [{ id: 5 }] });
    await holding;
    expect(ends).toEqual([]);
    write();
    await rejecting;
    expect(await letters(store, channel)).toBe(2);
    await store.close();
  });

  it('settle and hand out so many in one step, and others in the next', async () => {
    const { storage } = await open();
    const channel = newChannel();
    const steps: [settlements: number, takes: number][] = [];
    const store = await openEventStore(() =>
      link(storage, {
        groups: changedGroups(storage, {
          work: async (scope, given) => {
            steps.push([given.settle.length, given.takes.length]);
            return storage.groups.work(scope, given);
          },
        }),
      }),
    );
    await store.saveGroup(channel, 'g');
    const stale: WorkerSettlement[] = Array(100).fill({ kind: 'acknowledge', id: 1, token: 'x' });
    await Promise.all(Array.from({ length: 50 }, () => store.settle(channel, 'g', stale)));
    await Promise.all(Array.from({ length: 1_500 }, () => work(store, channel)));
    expect(Math.max(...steps.map(([settlements]) => settlements))).toBe(2_000);
    expect(Math.max(...steps.map(([, takes]) => takes))).toBe(1_000);
    await store.close();
  });

  it('take as many calls whatever lies behind them', async () => {
    const { storage } = await open();
    const calls: string[] = [];
    const told =
      <Args extends unknown[], Result>(name: string, call: (...args: Args) => Result) =>
      (...args: Args): Result => {
        calls.push(name);
        return call(...args);
      };
    const { groups } = storage;
    const store = await openEventStore(() =>
      link(storage, {
        scan: told('scan', (scan) => storage.scan(scan)),
        append: told('append', (append) => storage.append(append)),
        eventsById: told('eventsById', async (...args) => storage.eventsById(...args)),
        groups: changedGroups(storage, { work: told('work', (...args) => groups.work(...args)) }),
      }),
    );
    const most: number[] = [];
    for (const behind of [100, 5_000]) {
      const channel = newChannel();
      for (let i = 0; i < behind; i += 100) await store.append(channel, events(100));
      await work(store, channel);
      let { events: received } = await work(store, channel);
      for (const _ of upTo(behind === 100 ? 1 : 5)) {
        const settle = received.map(
          ({ id, delivery: { token } }): WorkerSettlement => ({ kind: 'acknowledge', id, token }),
        );
        calls.length = 0;
        ({ events: received } = await work(store, channel, 0, settle));
        most.push(calls.length);
      }
    }
    expect(Math.max(...most)).toBeLessThanOrEqual(3);
    await store.close();
  });
}
