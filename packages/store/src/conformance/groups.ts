import { setMaxListeners } from 'node:events';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { type EventHeader, type EventInput, MAX_NAME_LENGTH } from '@ganomede/events-protocol';
import { describe, expect, it } from 'vitest';
import type { EventStore, ReceiveOptions, WorkerSettlement } from '../event-store.js';
import type { DeadLetterData } from '../groups/dead-letters.js';
import type { ReceivedEvent } from '../groups/dispatcher.js';
import { DEFAULT_GROUP_SETTINGS } from '../groups/group-settings.js';
import { type GroupSettings, MAX_ENDED } from '../groups/group-storage.js';
import type { Received } from '../groups/receive.js';
import {
  event,
  events,
  LONG_MS,
  newChannel,
  type OpenStore,
  untilWaiting,
  upTo,
} from './store-under-test.js';

/** Longer than any test: a lease, or a delay, that does not end. */
const NEVER_MS = 3_600_000;
/** Of events that come back at once. */
const EAGER: Partial<GroupSettings> = { backoffMs: [0], maxDeliveries: 1_000 };

/** A receive of one worker, which does not wait unless it is told to. */
function receive(store: EventStore, name: string, options: Partial<ReceiveOptions> = {}): Promise<Received> {
  return store.receive(name, 'g', { clientId: 'worker', limit: 100, timeoutMs: 0, ...options });
}

const idsOf = ({ events: received }: Received) => received.map(({ id }) => id);

const acknowledge = ({ id, delivery: { token } }: ReceivedEvent): WorkerSettlement => ({
  kind: 'acknowledge',
  id,
  token,
});

const release = (
  { id, delivery: { token } }: ReceivedEvent,
  how: { delayMs?: number; reason?: string; uncounted?: boolean } = {},
): WorkerSettlement => ({ kind: 'release', id, token, ...how });

const reject = ({ id, delivery: { token } }: ReceivedEvent, reason = 'bad'): WorkerSettlement => ({
  kind: 'reject',
  id,
  token,
  reason,
});

/** One event that a receive is expected to have. */
function only({ events: [first, ...others] }: Received): ReceivedEvent {
  expect(others).toEqual([]);
  if (first === undefined) throw new Error('Expected one event, got none');
  return first;
}

async function groupOf(store: EventStore, name: string) {
  const [group] = await store.groups(name);
  if (group === undefined) throw new Error('There is no group');
  return group;
}

async function deadLettersIn(store: EventStore, name: string) {
  const page = await store.read({ channel: name, after: 0, limit: 100 });
  return page.events.map((letter) => ({ ...letter, data: letter.data as DeadLetterData }));
}

export function describeGroups(open: OpenStore): void {
  describe('groups', () => {
    describe('settings', () => {
      it('are the defaults unless somebody gives others', async () => {
        const { store, peer } = await open();
        const channel = newChannel();
        expect(await receive(store, channel)).toEqual({ events: [], settled: [] });
        expect(await groupOf(peer, channel)).toMatchObject({
          channel,
          group: 'g',
          settings: DEFAULT_GROUP_SETTINGS,
        });
        const given = { leaseMs: 5, order: undefined, deadLetters: 'none' };
        const { isNew, settings } = await store.saveGroup(channel, 'g', given);
        expect([isNew, settings]).toEqual([
          false,
          { ...DEFAULT_GROUP_SETTINGS, leaseMs: 5, deadLetters: 'none' },
        ]);
        expect(await store.saveGroup(channel, 'g', { maxPending: 2 })).toEqual({
          isNew: false,
          settings: { ...DEFAULT_GROUP_SETTINGS, maxPending: 2 },
        });
        expect((await store.saveGroup(channel, 'h', { order: '*' })).isNew).toBe(true);
        expect((await store.groups(channel)).map(({ group }) => group)).toEqual(['g', 'h']);
      });

      it('have bounds', async () => {
        const { store } = await open();
        const channel = newChannel();
        const invalid: [Partial<GroupSettings>, string][] = [
          [{ leaseMs: 0 }, 'Invalid leaseMs: expected an integer from 1 to 86400000, got 0'],
          [{ leaseMs: 86_400_001 }, 'Invalid leaseMs'],
          [{ leaseMs: 1.5 }, 'Invalid leaseMs'],
          [{ maxDeliveries: 0 }, 'Invalid maxDeliveries'],
          [{ maxDeliveries: 1_001 }, 'Invalid maxDeliveries'],
          [{ backoffMs: [] }, 'Invalid number of steps in backoffMs'],
          [{ backoffMs: Array(33).fill(1) }, 'Invalid number of steps in backoffMs'],
          [{ backoffMs: [1, -1] }, 'Invalid backoffMs'],
          [{ backoffMs: [604_800_001] }, 'Invalid backoffMs'],
          [{ maxPending: 0 }, 'Invalid maxPending'],
          [{ maxPending: 10_001 }, 'Invalid maxPending'],
          [{ order: '' }, 'Invalid order'],
          [{ order: 'x'.repeat(MAX_NAME_LENGTH + 1) }, 'Invalid order'],
          [{ deadLetters: '' }, 'Invalid deadLetters'],
          [{ deadLetters: channel }, 'Invalid deadLetters: expected another channel than that of the group'],
          [{ deadLetters: `${channel}:dead` }, 'Invalid deadLetters'],
        ];
        for (const [settings, message] of invalid) {
          await expect(store.saveGroup(channel, 'g', settings)).rejects.toMatchObject({
            code: 'InvalidContent',
            message: expect.stringContaining(message),
          });
        }
        const long = channel.padEnd(MAX_NAME_LENGTH, 'x');
        for (const using of [() => receive(store, long), () => store.saveGroup(long, 'g', {})]) {
          await expect(using()).rejects.toMatchObject({
            code: 'InvalidContent',
            message: expect.stringContaining(
              'too long for the default channel of dead letters: set deadLetters',
            ),
          });
        }
        await store.saveGroup(long, 'g', { deadLetters: 'none' });
        expect(await store.groups(channel)).toEqual([]);
        await expect(receive(store, channel, { leaseMs: 0 })).rejects.toMatchObject({
          code: 'InvalidContent',
        });
        const { settings } = await store.saveGroup(channel, 'g', { leaseMs: 86_400_000, maxPending: 10_000 });
        expect(settings).toMatchObject({ leaseMs: 86_400_000, maxPending: 10_000 });
        expect((await store.saveGroup(channel, 'h', { leaseMs: undefined })).settings).toEqual(
          DEFAULT_GROUP_SETTINGS,
        );
        for (const wrong of [
          { kind: 'extend', id: 1, token: 'x', leaseMs: 0 },
          { kind: 'release', id: 1, token: 'x', delayMs: -1 },
        ] as const) {
          await expect(store.settle(channel, 'g', [wrong])).rejects.toMatchObject({ code: 'InvalidContent' });
        }
      });

      it('keep their order', async () => {
        const { store } = await open();
        const channel = newChannel();
        await store.saveGroup(channel, 'g', { order: 'data.n' });
        await expect(store.saveGroup(channel, 'g', { leaseMs: 1 })).rejects.toMatchObject({
          code: 'Conflict',
          message: 'Group "g" exists already: expected order "data.n", got no order',
        });
        expect(await groupOf(store, channel)).toMatchObject({
          settings: { order: 'data.n', leaseMs: 30_000 },
        });
      });

      it('say where the group begins', async () => {
        const { store } = await open();
        const channel = newChannel();
        const [oldest] = await store.append(channel, events(4));
        const { timestamp } = oldest as EventHeader;
        await store.saveGroup(channel, 'g', {}, 'new');
        expect(idsOf(await receive(store, channel))).toEqual([]);
        await store.append(channel, events(1));
        expect(idsOf(await receive(store, channel))).toEqual([5]);
        const take = (group: string) =>
          store.receive(channel, group, { clientId: 'c', limit: 9, timeoutMs: 0 });
        await store.saveGroup(channel, 'first', {}, 'first');
        expect(idsOf(await take('first'))).toEqual(upTo(5));
        await store.saveGroup(channel, 'time', {}, timestamp);
        expect(idsOf(await take('time'))).toEqual(upTo(5));
        await store.saveGroup(channel, 'later', {}, timestamp + 86_400_000);
        expect(idsOf(await take('later'))).toEqual([]);
        await store.saveGroup(channel, 'later', {}, 'first');
        expect(idsOf(await take('later')), 'it has begun').toEqual([]);
        expect(
          idsOf(
            await store.receive(channel, 'unsaved', { clientId: 'c', limit: 9, timeoutMs: 0, start: 'new' }),
          ),
        ).toEqual([]);
      });
    });

    describe('receiving', () => {
      it('brings each event as it is, once, with its delivery', async () => {
        const { store, peer } = await open();
        const channel = newChannel();
        await store.append(channel, events(5));
        const first = await receive(store, channel, { limit: 2, leaseMs: 9_000 });
        const page = await store.read({ channel, after: 0, limit: 5 });
        expect(first.events.map(({ text }) => text.toString())).toEqual(page.texts.slice(0, 2).map(String));
        for (const { delivery } of first.events) {
          expect(delivery).toEqual({
            token: expect.stringMatching(/^[\w-]{16}$/),
            count: 1,
            maxDeliveries: 10,
            leaseMs: 9_000,
          });
        }
        expect(idsOf(await receive(peer, channel))).toEqual([3, 4, 5]);
        expect(idsOf(await receive(store, channel))).toEqual([]);
      });

      it('sees the events of its channel name', async () => {
        const { store } = await open();
        const channel = newChannel();
        await store.append(channel, [event(1, 'add'), event(2, 'del'), event(3, 'add'), event(4, 'del')]);
        expect(idsOf(await receive(store, `${channel}:del`))).toEqual([2, 4]);
        expect(idsOf(await receive(store, `${channel}:add`, { limit: 1 }))).toEqual([1]);
        expect(idsOf(await receive(store, channel))).toEqual([1, 2, 3, 4]);
        await store.append(`${channel}:del`, [event(5)]);
        expect(idsOf(await receive(store, `${channel}:add`))).toEqual([3]);
        expect(idsOf(await receive(store, `${channel}:del`))).toEqual([5]);
        expect((await store.groups(channel)).map((group) => group.channel)).toEqual([
          channel,
          `${channel}:add`,
          `${channel}:del`,
        ]);
        expect((await store.groups(`${channel}:del`)).map((group) => group.channel)).toEqual([
          `${channel}:del`,
        ]);
      });

      it('waits for an append, here or elsewhere', async () => {
        const { store, peer } = await open();
        const channel = newChannel();
        for (const [i, publisher] of [store, peer, store].entries()) {
          const waiting = receive(store, channel, { timeoutMs: LONG_MS });
          await untilWaiting(store, 1);
          await publisher.append(channel, [event(i)]);
          expect(idsOf(await waiting)).toEqual([i + 1]);
        }
      });

      it('does not miss what happens while it begins to wait', async () => {
        const channel = newChannel();
        let happens: (() => Promise<unknown>) | undefined;
        const { store, peer } = await open({
          hooks: {
            beforeWait: async () => {
              const now = happens;
              happens = undefined;
              await now?.();
            },
          },
        });
        happens = () => peer.append(channel, [event(1)]);
        const taken = only(await receive(store, channel, { timeoutMs: LONG_MS }));
        happens = () => peer.settle(channel, 'g', [release(taken, { uncounted: true })]);
        expect(idsOf(await receive(store, channel, { timeoutMs: LONG_MS }))).toEqual([1]);
      });

      it('waits for a release, and for a lease that ends, here or elsewhere', async () => {
        const { store, peer } = await open();
        const channel = newChannel();
        await store.saveGroup(channel, 'g', EAGER);
        await store.append(channel, events(1));
        let last = only(await receive(store, channel));
        for (const other of [store, peer]) {
          const waiting = receive(store, channel, { timeoutMs: LONG_MS });
          await untilWaiting(store, 1);
          await other.settle(channel, 'g', [release(last, { delayMs: 0 })]);
          last = only(await waiting);
        }
        expect(last.delivery.count).toBe(3);
        for (const other of [store, peer]) {
          const waiting = receive(store, channel, { timeoutMs: LONG_MS });
          await untilWaiting(store, 1);
          await other.settle(channel, 'g', [release(last, { delayMs: 30 })]);
          last = only(await waiting);
          const next = receive(other, channel, { timeoutMs: LONG_MS });
          await untilWaiting(other, 1);
          // Its lease ends while the other waits for what is due much later.
          await store.settle(channel, 'g', [release(last, { uncounted: true })]);
          last = only(await next);
        }
        const short = only(
          await receive(store, channel, {
            settle: [release(last, { uncounted: true })],
            leaseMs: 30,
          }),
        );
        expect(only(await receive(peer, channel, { timeoutMs: LONG_MS })).delivery.count).toBe(
          short.delivery.count + 1,
        );
      });

      it('waits for a lease that ends, whatever is appended of other types meanwhile', async () => {
        const { store, peer } = await open();
        const channel = newChannel();
        const name = `${channel}:add`;
        await store.saveGroup(name, 'g', EAGER);
        await store.append(channel, events(1));
        await receive(peer, name, { leaseMs: 1_000 });
        const waiting = receive(store, name, { timeoutMs: LONG_MS });
        await untilWaiting(store, 1);
        for (const n of upTo(3)) await store.append(channel, [event(n, 'other')]);
        expect(only(await waiting)).toMatchObject({ id: 1, delivery: { count: 2 } });
      });

      it('waits for a lease that ends sooner than it was to, here or elsewhere', async () => {
        const { store, peer } = await open();
        for (const order of [undefined, '*']) {
          const channel = newChannel();
          await store.saveGroup(channel, 'g', {
            ...EAGER,
            ...(order === undefined ? { maxPending: 1 } : { order }),
            leaseMs: NEVER_MS,
          });
          await store.append(channel, events(3));
          let last = only(await receive(store, channel));
          for (const other of [store, peer]) {
            const waiting = receive(other, channel, { timeoutMs: LONG_MS });
            await untilWaiting(other, 1);
            await store.settle(channel, 'g', [
              { kind: 'extend', id: last.id, token: last.delivery.token, leaseMs: 1 },
            ]);
            last = only(await waiting);
            expect(last.delivery.count, 'after an extension').toBeGreaterThan(1);
          }
          for (const [i, other] of [store, peer].entries()) {
            const waiting = receive(other, channel, { timeoutMs: LONG_MS });
            await untilWaiting(other, 1);
            // Whoever is first has it when it is handed out anew.
            const next = only(await receive(store, channel, { settle: [acknowledge(last)], leaseMs: 1 }));
            last = only(await waiting);
            expect([next.id, last.id, last.delivery.count], 'after an acknowledgement').toEqual([
              i + 2,
              i + 2,
              2,
            ]);
          }
        }
      });

      it('finds what is due behind however many leases that have ended', async () => {
        const { store } = await open();
        const channel = newChannel();
        await store.saveGroup(channel, 'g', { maxDeliveries: 1, maxPending: 10_000, deadLetters: 'none' });
        await store.append(channel, events(MAX_ENDED + 2));
        const last = (await receive(store, channel, { limit: 1 })).events;
        await receive(store, channel, { limit: MAX_ENDED + 1, leaseMs: 1 });
        // By the clock of the engine: it is due after them.
        await setTimeout(5);
        await store.settle(
          channel,
          'g',
          last.map((one) => release(one, { uncounted: true })),
        );
        expect(idsOf(await receive(store, channel, { limit: 1 }))).toEqual([1]);
      });

      it('ends its wait by its time, its signal, and the end of the store', async () => {
        const { store } = await open();
        const channel = newChannel();
        expect(await receive(store, channel, { timeoutMs: 1 })).toEqual({ events: [], settled: [] });
        const controller = new AbortController();
        const aborted = receive(store, channel, { timeoutMs: LONG_MS, signal: controller.signal });
        await untilWaiting(store, 1);
        controller.abort();
        expect(idsOf(await aborted)).toEqual([]);
        const { signal } = controller;
        expect(idsOf(await receive(store, channel, { timeoutMs: LONG_MS, signal }))).toEqual([]);
        const closed = receive(store, channel, { timeoutMs: LONG_MS });
        await untilWaiting(store, 1);
        await store.close();
        expect(idsOf(await closed)).toEqual([]);
      });

      it('gives back what was handed out to somebody who has gone', async () => {
        const { store, peer } = await open();
        const channel = newChannel();
        await store.append(channel, events(3));
        const controller = new AbortController();
        const gone = receive(store, channel, { timeoutMs: LONG_MS, signal: controller.signal });
        // Its step has not been made yet.
        controller.abort();
        expect(idsOf(await gone)).toEqual([]);
        const { events: received } = await receive(peer, channel, { timeoutMs: LONG_MS });
        expect(received.map(({ id, delivery }) => [id, delivery.count])).toEqual([
          [1, 1],
          [2, 1],
          [3, 1],
        ]);
      });

      it('shares events between many, and gives none to two', async () => {
        const { store, peer } = await open();
        const channel = newChannel();
        await store.saveGroup(channel, 'g', { maxPending: 10_000 });
        const controller = new AbortController();
        const { signal } = controller;
        setMaxListeners(0, signal);
        const received: number[] = [];
        const workers = upTo(16).map(async (n) => {
          const by = n % 2 === 0 ? store : peer;
          while (!signal.aborted) {
            const options = { clientId: `worker ${n}`, limit: 7, timeoutMs: LONG_MS, signal };
            received.push(...idsOf(await receive(by, channel, options)));
          }
        });
        for (let i = 0; i < 10; i++) await (i % 2 ? store : peer).append(channel, events(50));
        // What is still on its way would be given back.
        await expect.poll(() => received.length).toBe(500);
        controller.abort();
        await Promise.all(workers);
        expect(received.sort((a, b) => a - b)).toEqual(upTo(500));
      });

      it('settles first what comes along', async () => {
        const { store } = await open();
        const channel = newChannel();
        await store.saveGroup(channel, 'g', { maxPending: 1 });
        await store.append(channel, events(3));
        let last = only(await receive(store, channel));
        for (const id of [2, 3]) {
          const next = await receive(store, channel, { settle: [acknowledge(last), acknowledge(last)] });
          expect(next.settled).toEqual([true, false]);
          expect(idsOf(next)).toEqual([id]);
          last = only(next);
        }
        const waiting = receive(store, channel, { settle: [acknowledge(last)], timeoutMs: LONG_MS });
        await untilWaiting(store, 1);
        await store.append(channel, events(1));
        expect(await waiting).toMatchObject({ settled: [true], events: [{ id: 4 }] });
      });

      it('goes on from where the group is after the store was opened again', async () => {
        const underTest = await open();
        if (underTest.reopen === undefined) return;
        const channel = newChannel();
        await underTest.store.saveGroup(channel, 'g', { order: 'data.user' });
        const users = ['a', 'a', 'b'].map((user) => ({ from: 'test', type: 'add', data: { user } }));
        await underTest.store.append(channel, users);
        const [first, third] = (await receive(underTest.store, channel)).events;
        await underTest.reopen();
        const { store } = underTest;
        expect(await groupOf(store, channel)).toMatchObject({ pending: 2, heldBack: 1, after: 3 });
        expect(idsOf(await receive(store, channel))).toEqual([]);
        expect(
          await store.settle(channel, 'g', [
            acknowledge(first as ReceivedEvent),
            acknowledge(third as ReceivedEvent),
          ]),
        ).toEqual([true, true]);
        expect(idsOf(await receive(store, channel))).toEqual([2]);
      });
    });

    describe('that are deleted', () => {
      it('do not come back by those who wait', async () => {
        const { store, peer } = await open();
        const name = newChannel();
        for (const channel of [name, `${name}:add`]) {
          const waiting = [store, peer].map((by) =>
            receive(by, channel, { timeoutMs: LONG_MS }).catch((error) => error),
          );
          for (const by of [store, peer]) await untilWaiting(by, 1);
          expect(await store.deleteGroup(channel, 'g')).toBe(true);
          for (const error of await Promise.all(waiting)) {
            expect(error).toMatchObject({
              code: 'ResourceNotFound',
              message: `Group "g" does not exist on channel ${JSON.stringify(channel)}`,
            });
          }
          expect(await store.groups(channel)).toEqual([]);
          await receive(store, channel);
          expect(await groupOf(store, channel)).toMatchObject({ group: 'g' });
          await store.deleteGroup(channel, 'g');
        }
      });

      it('do not come back with their channel by those who wait', async () => {
        const { store, peer } = await open();
        const channel = newChannel();
        await store.append(channel, events(1));
        await store.saveGroup(channel, 'g', {}, 'new');
        const waiting = receive(peer, channel, { timeoutMs: LONG_MS }).catch((error) => error);
        await untilWaiting(peer, 1);
        await store.deleteChannel(channel);
        expect(await waiting).toMatchObject({ code: 'ResourceNotFound' });
        expect(await store.groups(channel)).toEqual([]);
      });
    });

    describe('settling', () => {
      it('is stale if the event was given to another, whose word holds', async () => {
        const { store, peer } = await open();
        const channel = newChannel();
        await store.saveGroup(channel, 'g', EAGER);
        await store.append(channel, events(1));
        const late = only(await receive(store, channel, { leaseMs: 1 }));
        const other = only(await receive(peer, channel, { timeoutMs: LONG_MS }));
        expect(other.delivery.count).toBe(2);
        const extend = { kind: 'extend', id: 1, token: late.delivery.token } as const;
        expect(
          await store.settle(channel, 'g', [acknowledge(late), extend, release(late), reject(late)]),
        ).toEqual([false, false, false, false]);
        expect(await peer.settle(channel, 'g', [acknowledge(other)])).toEqual([true]);
        expect(await groupOf(store, channel)).toMatchObject({ pending: 0, redelivered: 1 });
      });

      it('burns no deliveries if all is released at once', async () => {
        const { store } = await open();
        const channel = newChannel();
        await store.saveGroup(channel, 'g', { maxDeliveries: 1 });
        await store.append(channel, events(50));
        for (let i = 0; i < 5; i++) {
          const { events: received } = await receive(store, channel);
          expect(received.map(({ delivery }) => delivery.count)).toEqual(Array(50).fill(1));
          await store.settle(
            channel,
            'g',
            received.map((one) => release(one, { uncounted: true })),
          );
        }
        await store.saveGroup(channel, 'g', { maxDeliveries: 2, backoffMs: [NEVER_MS] });
        const { events: received } = await receive(store, channel);
        await store.settle(
          channel,
          'g',
          received.map((one) => release(one)),
        );
        expect(idsOf(await receive(store, channel)), 'counted ones wait').toEqual([]);
        expect(await groupOf(store, channel)).toMatchObject({ pending: 50, deadLetters: 0 });
      });

      it('is not possible in a group that there is not', async () => {
        const { store } = await open();
        const channel = newChannel();
        await store.append(channel, events(1));
        const taken = only(await receive(store, channel));
        expect(await store.deleteGroup(channel, 'g')).toBe(true);
        expect(await store.deleteGroup(channel, 'g')).toBe(false);
        const unknown = {
          code: 'ResourceNotFound',
          message: `Group "g" does not exist on channel ${JSON.stringify(channel)}`,
        };
        await expect(store.settle(channel, 'g', [acknowledge(taken)])).rejects.toMatchObject(unknown);
        await expect(store.redrive(channel, 'g', { limit: 1 })).rejects.toMatchObject(unknown);
        // Who comes with what it gave does not bring it back.
        for (const timeoutMs of [0, LONG_MS]) {
          const settling = receive(store, channel, { timeoutMs, settle: [acknowledge(taken)] });
          await expect(settling).rejects.toMatchObject(unknown);
        }
        expect(await store.groups(channel)).toEqual([]);
        // A new one of its name begins anew.
        await store.saveGroup(channel, 'g');
        const again = await receive(store, channel, { settle: [acknowledge(taken)] });
        expect(again).toMatchObject({ settled: [false], events: [{ id: 1, delivery: { count: 1 } }] });
      });

      it('goes on while the group is at its bound, which shows', async () => {
        const { store, peer } = await open();
        const channel = newChannel();
        await store.saveGroup(channel, 'g', { maxPending: 2 });
        await store.append(channel, events(4));
        const { events: received } = await receive(store, channel);
        expect(received.map(({ id }) => id)).toEqual([1, 2]);
        expect(await groupOf(store, channel)).toMatchObject({ pending: 2, isFull: true });
        const waiting = receive(peer, channel, { timeoutMs: LONG_MS });
        await untilWaiting(peer, 1);
        await store.append(channel, events(1));
        await store.settle(channel, 'g', received.slice(0, 1).map(acknowledge));
        expect(idsOf(await waiting)).toEqual([3]);
      });
    });

    describe('and what is dropped', () => {
      it('are not given what was redacted before its delivery, and count it as missed', async () => {
        const { store, peer } = await open();
        const channel = newChannel();
        await store.append(channel, events(3));
        await store.saveGroup(channel, 'g', { ...EAGER, order: '*' });
        const first = only(await receive(store, channel));
        await peer.redact(channel, [1, 2]);
        await store.settle(channel, 'g', [release(first)]);
        expect(idsOf(await receive(peer, channel))).toEqual([3]);
        expect(await groupOf(store, channel)).toMatchObject({ missed: 2, pending: 1, lag: 0 });
      });

      it('go with their channel', async () => {
        const { store, peer } = await open();
        const channel = newChannel();
        await store.append(channel, events(2));
        await receive(store, channel, { limit: 1 });
        await store.saveGroup(`${channel}:t`, 'other');
        await peer.deleteChannel(channel);
        await store.append(channel, events(1));
        expect(await store.groups(channel)).toEqual([]);
        expect(idsOf(await receive(store, channel))).toEqual([3]);
      });

      it('are told with what they have not handed out', async () => {
        const { store } = await open();
        const channel = newChannel();
        await store.append(channel, [event(1, 'a'), event(2, 'b'), event(3, 'a'), event(4, 'a')]);
        await store.saveGroup(`${channel}:a`, 'typed');
        await store.saveGroup(channel, 'g', { order: '*' });
        await receive(store, channel);
        const lags = (await store.groups(channel)).map(({ group, lag, pending }) => [group, lag, pending]);
        expect(lags).toEqual([
          ['g', 3, 1],
          ['typed', 3, 0],
        ]);
      });

      it('count what they had not delivered as missed', async () => {
        const { store, trim } = await open();
        if (trim === undefined) return;
        const channel = newChannel();
        await store.append(channel, events(10));
        await store.saveGroup(channel, 'g', EAGER);
        const { events: received } = await receive(store, channel, { limit: 3 });
        await trim(channel, { maxEvents: 2, maxAgeMs: 0, now: Date.now() });
        // What is out is settled as ever; what is handed out again is gone.
        const [first, ...others] = received as [ReceivedEvent, ...ReceivedEvent[]];
        expect(
          await store.settle(channel, 'g', [
            acknowledge(first),
            ...others.map((one) => release(one, { uncounted: true })),
          ]),
        ).toEqual([true, true, true]);
        const last = await receive(store, channel, { timeoutMs: LONG_MS });
        expect(idsOf(last)).toEqual([9, 10]);
        expect(await groupOf(store, channel)).toMatchObject({ missed: 7, pending: 2, after: 10 });
        const released = last.events.map((one) => release(one, { delayMs: 0 }));
        expect(await store.settle(channel, 'g', released)).toEqual([true, true]);
        await store.trim(channel, { id: 11 });
        expect(idsOf(await receive(store, channel))).toEqual([]);
        expect(await groupOf(store, channel), 'at once').toMatchObject({ missed: 9, pending: 0, after: 10 });
      });

      it('count all as missed if nothing is kept', async () => {
        const { store } = await open();
        const channel = newChannel();
        await store.append(channel, events(3));
        await store.saveGroup(channel, 'g');
        await store.trim(channel, { id: 4 });
        // The first one may only find out where the group is.
        for (let i = 0; i < 2; i++) expect(idsOf(await receive(store, channel))).toEqual([]);
        expect(await groupOf(store, channel)).toMatchObject({ missed: 3, pending: 0, after: 3 });
      });

      it('begin at what is kept, and miss nothing by that', async () => {
        const { store, trim } = await open();
        if (trim === undefined) return;
        const channel = newChannel();
        await store.append(channel, events(10));
        await trim(channel, { maxEvents: 2, maxAgeMs: 0, now: Date.now() });
        expect(idsOf(await receive(store, channel))).toEqual([9, 10]);
        expect(await groupOf(store, channel)).toMatchObject({ missed: 0 });
      });
    });

    describe('dead letters', () => {
      it('hold the event and what became of it', async () => {
        const { store } = await open();
        const channel = newChannel();
        const from = Date.now() - 1_000;
        await store.saveGroup(channel, 'g', { maxDeliveries: 2 });
        await store.append(channel, events(2));
        const [original] = (await store.read({ channel, after: 0, limit: 1 })).events;
        const [first] = (await receive(store, channel, { limit: 1 })).events;
        await store.settle(channel, 'g', [release(first as ReceivedEvent, { delayMs: 0 })]);
        const again = only(await receive(store, channel, { clientId: 'last', limit: 1 }));
        expect(again.id).toBe(1);
        await store.settle(channel, 'g', [release(again, { reason: 'no such user' })]);
        const [letter, ...others] = await deadLettersIn(store, `${channel}.dead-letters`);
        expect(others).toEqual([]);
        const times = { deliveredAt: expect.any(Number), endedAt: expect.any(Number) };
        expect(letter).toEqual({
          id: 1,
          timestamp: expect.any(Number),
          from: 'g',
          type: 'add',
          data: {
            event: original,
            group: 'g',
            channel,
            count: 2,
            reason: 'no such user',
            firstDeliveredAt: expect.any(Number),
            endedAt: expect.any(Number),
            clientId: 'last',
            deliveries: [
              { ...times, clientId: expect.any(String), outcome: 'released' },
              { ...times, clientId: 'last', outcome: 'released', reason: 'no such user' },
            ],
          },
        });
        const { firstDeliveredAt = 0, endedAt = 0 } = letter?.data ?? {};
        expect(firstDeliveredAt).toBeGreaterThan(from);
        expect(endedAt).toBeGreaterThanOrEqual(firstDeliveredAt);
        expect(await groupOf(store, channel)).toMatchObject({ deadLetters: 1, pending: 0 });
        expect(idsOf(await receive(store, channel))).toEqual([2]);
      });

      it('tell any reason, also one that is cut within a character', async () => {
        const { store } = await open();
        const channel = newChannel();
        await store.append(channel, events(2));
        const { events: received } = await receive(store, channel);
        const reasons = [`${'a'.repeat(999)}😀`, '\udc00"\0\ud83d'];
        const settle = received.map((one, i) => reject(one, reasons[i]));
        expect(await store.settle(channel, 'g', settle)).toEqual([true, true]);
        const letters = await deadLettersIn(store, `${channel}.dead-letters`);
        const told = letters.map(({ data }) => [data.reason, ...data.deliveries.map(({ reason }) => reason)]);
        const [cut, halves] = [`${'a'.repeat(999)}\ufffd`, '\ufffd"\0\ufffd'];
        expect(told.sort()).toEqual(
          [
            [halves, halves],
            [cut, 'a'.repeat(200)],
          ].sort(),
        );
      });

      it('go where the group says, as its own type', async () => {
        const { store } = await open();
        const channel = newChannel();
        await store.append(channel, events(3));
        const dies = async (name: string, deadLetters?: string) => {
          await store.saveGroup(name, 'g', { deadLetters });
          const { events: received } = await receive(store, name, { limit: 1 });
          await store.settle(
            name,
            'g',
            received.map((one) => reject(one)),
          );
        };
        await dies(`${channel}:add`);
        const [letter] = await deadLettersIn(store, `${channel}.dead-letters:add`);
        expect(letter).toMatchObject({ id: 1, data: { channel: `${channel}:add`, event: { id: 1 } } });
        await dies(`${channel}:add`, `${channel}/dead:of-add`);
        expect(await deadLettersIn(store, `${channel}/dead:of-add`)).toMatchObject([{ type: 'add' }]);
        await dies(`${channel}:add`, 'none');
        expect(await groupOf(store, channel)).toMatchObject({ deadLetters: 3, pending: 0 });
        expect(await store.redrive(`${channel}:add`, 'g', { limit: 9 })).toEqual([1, 2]);
      });

      it('of a group on a type have that type, whatever the type of the event is', async () => {
        const { store } = await open();
        const channel = newChannel();
        await store.append(`${channel}:add`, [event(1, 'remove')]);
        await store.settle(`${channel}:add`, 'g', [reject(only(await receive(store, `${channel}:add`)))]);
        expect(await deadLettersIn(store, `${channel}.dead-letters:add`)).toMatchObject([{ type: 'remove' }]);
        expect(await deadLettersIn(store, `${channel}.dead-letters:remove`)).toEqual([]);
        expect(await store.redrive(`${channel}:add`, 'g', { limit: 9 })).toEqual([1]);
      });

      it('are written when somebody receives after the last lease has ended', async () => {
        const { store, peer } = await open();
        const channel = newChannel();
        await store.saveGroup(channel, 'g', { maxDeliveries: 1 });
        await store.append(channel, events(1));
        await receive(store, channel, { leaseMs: 1 });
        const waiting = receive(peer, channel, { timeoutMs: LONG_MS });
        await expect
          .poll(() => deadLettersIn(store, `${channel}.dead-letters`))
          .toMatchObject([{ data: { reason: 'The lease ended', event: { id: 1 } } }]);
        await store.append(channel, events(1));
        expect(idsOf(await waiting)).toEqual([2]);
      });

      it('are handed out again, however often', async () => {
        const { store, peer } = await open();
        const channel = newChannel();
        await store.append(channel, events(2));
        let { events: received } = await receive(store, channel);
        for (let turn = 1; turn <= 3; turn++) {
          await store.settle(
            channel,
            'g',
            received.map((one) => reject(one, `turn ${turn}`)),
          );
          expect(await groupOf(store, channel)).toMatchObject({ deadLetters: 2, pending: 0 });
          const waiting = receive(peer, channel, { timeoutMs: LONG_MS });
          await untilWaiting(peer, 1);
          expect(await store.redrive(channel, 'g', { limit: 9 })).toEqual([1, 2]);
          ({ events: received } = await waiting);
          expect(received.map(({ id, delivery }) => [id, delivery.count])).toEqual([
            [1, 1],
            [2, 1],
          ]);
        }
        const letters = await deadLettersIn(store, `${channel}.dead-letters`);
        expect(letters.map(({ data }) => `${data.event.id} ${data.reason}`).sort()).toEqual([
          '1 turn 1',
          '1 turn 2',
          '1 turn 3',
          '2 turn 1',
          '2 turn 2',
          '2 turn 3',
        ]);
      });

      it('bring their event along if the channel has dropped it', async () => {
        const { store, trim } = await open();
        if (trim === undefined) return;
        const channel = newChannel();
        await store.append(channel, events(3));
        const [text] = (await store.read({ channel, after: 0, limit: 1 })).texts;
        const { events: received } = await receive(store, channel, { limit: 1 });
        await store.settle(
          channel,
          'g',
          received.map((one) => reject(one)),
        );
        await trim(channel, { maxEvents: 1, maxAgeMs: 0, now: Date.now() });
        for (let turn = 0; turn < 2; turn++) {
          expect(await store.redrive(channel, 'g', { ids: [1], limit: 1 })).toEqual([1]);
          const again = only(await receive(store, channel, { limit: 1 }));
          expect(again.text.toString()).toBe(text?.toString());
          await store.settle(channel, 'g', [reject(again)]);
        }
      });

      it('bring along no other event that is where they were', async () => {
        const { store, trim } = await open();
        if (trim === undefined) return;
        const channel = newChannel();
        await store.append(channel, events(6));
        const { events: received } = await receive(store, channel, { limit: 5 });
        await store.settle(
          channel,
          'g',
          received.map((one) => reject(one)),
        );
        // From now on they go, and are looked for, elsewhere.
        const elsewhere = `${channel}/elsewhere`;
        await store.saveGroup(channel, 'g', { deadLetters: elsewhere });
        const letter = (data?: EventInput['data']): EventInput => ({
          from: 'g',
          type: 'add',
          ...(data && { data }),
        });
        await store.append(elsewhere, [
          letter(),
          letter({ group: 'other', event: { id: 2, type: 'add' } }),
          letter({ group: 'g', event: { id: 99, type: 'add' } }),
          letter({ group: 'g', event: { id: 4 } }),
        ]);
        await trim(channel, { maxEvents: 1, maxAgeMs: 0, now: Date.now() });
        expect(await store.redrive(channel, 'g', { limit: 9 })).toEqual(upTo(5));
        expect(idsOf(await receive(store, channel))).toEqual([6]);
        expect(await groupOf(store, channel)).toMatchObject({ missed: 5, pending: 1, deadLetters: 0 });
      });

      it('may be redriven while workers run', async () => {
        const { store, peer } = await open();
        const channel = newChannel();
        await store.append(channel, events(40));
        await store.saveGroup(channel, 'g');
        const controller = new AbortController();
        const seen = new Set<number>();
        const done: number[] = [];
        const workers = upTo(6).map(async (n) => {
          const by = n % 2 ? store : peer;
          let settle: WorkerSettlement[] = [];
          while (!controller.signal.aborted) {
            const { events: received } = await receive(by, channel, {
              limit: 3,
              timeoutMs: LONG_MS,
              settle,
              signal: controller.signal,
            });
            // Each is rejected once; the second time it is done.
            const isNew = ({ id }: ReceivedEvent) => !seen.has(id);
            settle = received.map((one) => (isNew(one) ? reject(one) : acknowledge(one)));
            for (const one of received) {
              if (isNew(one)) seen.add(one.id);
              else done.push(one.id);
            }
          }
          return by.settle(channel, 'g', settle);
        });
        const redriven: number[] = [];
        while (done.length < 40) {
          redriven.push(...(await store.redrive(channel, 'g', { limit: 3 })));
          await setImmediate();
        }
        controller.abort();
        await Promise.all(workers);
        expect(redriven.sort((a, b) => a - b)).toEqual(upTo(40));
        expect(done.sort((a, b) => a - b)).toEqual(upTo(40));
        expect(await groupOf(store, channel)).toMatchObject({ pending: 0, deadLetters: 0 });
      });
    });

    describe('with an order', () => {
      const of = (user: unknown) => ({ from: 'test', type: 'add', data: { user } });

      it('have one event of each value out, whatever the values are', async () => {
        const { store, peer } = await open();
        const channel = newChannel();
        await store.saveGroup(channel, 'g', { order: 'data.user' });
        const values = ['a', 'a', 'x'.repeat(1_000), 1, '1', true, { no: 'value' }, undefined, 'ü\0', 'ü\0'];
        await store.append(channel, values.map(of));
        const { events: received } = await receive(store, channel);
        // What an index takes for the same is the same value.
        expect(received.map(({ id }) => id)).toEqual([1, 3, 4, 6, 7, 8, 9]);
        expect(await groupOf(store, channel)).toMatchObject({ heldBack: 3 });
        const waiting = receive(peer, channel, { timeoutMs: LONG_MS });
        await untilWaiting(peer, 1);
        await store.settle(channel, 'g', received.slice(0, 1).map(acknowledge));
        expect(idsOf(await waiting)).toEqual([2]);
      });

      it('have the next of a value follow though more are out than the bound, after a redrive', async () => {
        const { store, peer } = await open();
        const channel = newChannel();
        await store.saveGroup(channel, 'g', { order: 'data.user', maxPending: 2 });
        await store.append(channel, ['x', 'y', 'y', 'z', 'late'].map(of));
        const [dead] = (await receive(store, channel, { limit: 1 })).events as [ReceivedEvent];
        await store.settle(channel, 'g', [reject(dead)]);
        // Of two, one is held back.
        const y = only(await receive(peer, channel, { limit: 2 }));
        const z = only(await receive(peer, channel));
        expect([y.id, z.id]).toEqual([2, 4]);
        await store.redrive(channel, 'g', { limit: 1 });
        const x = only(await receive(store, channel));
        expect(await groupOf(store, channel)).toMatchObject({ pending: 3, heldBack: 1, isFull: true });
        // It takes the place of the one before: as many are out as were.
        expect(idsOf(await receive(peer, channel, { settle: [acknowledge(y)] }))).toEqual([3]);
        expect(await groupOf(store, channel)).toMatchObject({ pending: 3, heldBack: 0, isFull: true });
        // What nobody has had yet comes only when there is room.
        expect(idsOf(await receive(peer, channel, { settle: [acknowledge(z)] }))).toEqual([]);
        expect(idsOf(await receive(peer, channel, { settle: [acknowledge(x)] }))).toEqual([5]);
      });

      it('are not blocked by a poison event longer than it lives', async () => {
        const { store } = await open();
        const channel = newChannel();
        await store.saveGroup(channel, 'g', { order: 'data.user', maxDeliveries: 3, backoffMs: [1] });
        await store.append(channel, ['poison', 'poison', 'fine', 'poison'].map(of));
        const worked: string[] = [];
        let settle: WorkerSettlement[] = [];
        while (worked.length < 6) {
          const { events: received } = await receive(store, channel, { timeoutMs: LONG_MS, settle });
          for (const { id, delivery } of received) worked.push(`${id} ${delivery.count}`);
          settle = received.map((one) => (one.id === 1 ? release(one) : acknowledge(one)));
        }
        await store.settle(channel, 'g', settle);
        expect(worked).toEqual(['1 1', '3 1', '1 2', '1 3', '2 1', '4 1']);
        expect(await deadLettersIn(store, `${channel}.dead-letters`)).toMatchObject([
          { data: { event: { id: 1 } } },
        ]);
      });

      it('look for events that nothing holds back', async () => {
        const { store } = await open();
        const channel = newChannel();
        await store.saveGroup(channel, 'g', { order: 'data.user' });
        for (let i = 0; i < 3; i++) await store.append(channel, Array(1_000).fill(of('one')));
        await store.append(channel, [of('other')]);
        expect(idsOf(await receive(store, channel, { limit: 2 }))).toEqual([1]);
        expect(idsOf(await receive(store, channel, { limit: 2 }))).toEqual([3_001]);
        expect(await groupOf(store, channel)).toMatchObject({ heldBack: 2_999, after: 3_001 });
      });

      it('of all events have one worker at a time, and another if that is gone', async () => {
        const { store, peer } = await open();
        const channel = newChannel();
        await store.saveGroup(channel, 'g', { order: '*', backoffMs: [0] });
        await store.append(channel, events(3));
        const first = only(await receive(store, channel));
        const waiting = receive(peer, channel, { timeoutMs: LONG_MS });
        await untilWaiting(peer, 1);
        await store.append(channel, events(1));
        await store.settle(channel, 'g', [acknowledge(first)]);
        const second = only(await waiting);
        expect(second.id).toBe(2);
        await peer.settle(channel, 'g', [
          { kind: 'extend', id: 2, token: second.delivery.token, leaseMs: 1 },
        ]);
        const taken = only(await receive(store, channel, { timeoutMs: LONG_MS }));
        expect([taken.id, taken.delivery.count]).toEqual([2, 2]);
      });
    });

    it('bring each event to its end in order, whatever 64 workers do', async () => {
      const { store, peer } = await open();
      const channel = newChannel();
      const count = 300;
      await store.saveGroup(channel, 'g', {
        order: 'data.user',
        leaseMs: 200,
        backoffMs: [0],
        maxDeliveries: 1_000,
        maxPending: 50,
      });
      const controller = new AbortController();
      const { signal } = controller;
      setMaxListeners(0, signal);
      /** Events that somebody has said are done, though that may not have held. */
      const ending = new Set<number>();
      /** Which delivery of an event was its last. */
      const ended = new Map<number, number>();
      const rejected: number[] = [];

      const settle = async (by: EventStore, one: ReceivedEvent, chance: number) => {
        const { id, delivery } = one;
        // It lets some leases end.
        if (chance === 0) return;
        if (chance <= 2) {
          const how = chance === 1 ? { uncounted: true } : { delayMs: 0 };
          await by.settle(channel, 'g', [release(one, how)]);
          return;
        }
        ending.add(id);
        const isRejected = chance === 3;
        const [held] = await by.settle(channel, 'g', [isRejected ? reject(one) : acknowledge(one)]);
        if (!held) return;
        expect(ended.has(id), 'it ends once').toBe(false);
        ended.set(id, delivery.count);
        if (isRejected) rejected.push(id);
        if (ended.size === count) controller.abort();
      };
      const work = async (n: number) => {
        const by = n % 2 === 0 ? store : peer;
        for (let turn = 0; !signal.aborted; turn++) {
          const options = { clientId: `worker ${n}`, limit: 1 + (n % 4), timeoutMs: LONG_MS, signal };
          const { events: received } = await receive(by, channel, options);
          for (const { id, delivery } of received) {
            expect(delivery.count, `event ${id}`).toBeLessThanOrEqual(ended.get(id) ?? 1_000);
            for (let before = id - 20; before > 0; before -= 20) expect(ending).toContain(before);
          }
          await Promise.all(received.map((one) => settle(by, one, (one.id + turn + n) % 11)));
        }
      };
      const working = Promise.all(upTo(64).map(work)).finally(() => controller.abort());
      for (let i = 0; i < count; i += 20) {
        await (i % 40 ? peer : store).append(
          channel,
          upTo(20).map((user) => ({ from: 'test', type: 'add', data: { user } })),
        );
      }
      await working;
      expect(await groupOf(store, channel)).toMatchObject({
        pending: 0,
        heldBack: 0,
        after: count,
        deadLetters: rejected.length,
      });
      const letters = await deadLettersIn(store, `${channel}.dead-letters`);
      const ids = letters.map(({ data }) => data.event.id).sort((a, b) => a - b);
      expect(ids).toEqual(rejected.sort((a, b) => a - b));
    }, 60_000);

    it('are independent of each other, a thousand on one channel', async () => {
      const { store, peer } = await open();
      const channel = newChannel();
      const groups = upTo(1_000).map((n) => `group ${n}`);
      await store.append(channel, events(2));
      const takeAll = (by: EventStore, options: Partial<ReceiveOptions> = {}) =>
        Promise.all(
          groups.map((group) =>
            by.receive(channel, group, { clientId: 'c', limit: 1, timeoutMs: 0, ...options }),
          ),
        );
      expect((await takeAll(store)).map(idsOf)).toEqual(groups.map(() => [1]));
      expect((await takeAll(peer)).map(idsOf)).toEqual(groups.map(() => [2]));
      const waiting = takeAll(store, { timeoutMs: 60_000 });
      await untilWaiting(store, groups.length);
      await peer.append(channel, events(1));
      expect((await waiting).map(idsOf)).toEqual(groups.map(() => [3]));
      expect((await store.groups(channel)).map(({ pending }) => pending)).toEqual(groups.map(() => 3));
    }, 60_000);
  });
}
