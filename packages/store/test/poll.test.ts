import { getEventListeners } from 'node:events';
import { EventsError } from '@ganomede/events-protocol';
import { afterEach, expect, it, onTestFinished, vi } from 'vitest';
import { EventPage } from '../src/events/event-page.js';
import { LiveChannels } from '../src/waiting/live-channels.js';
import type { PollSource, ReadCursor } from '../src/waiting/poll.js';
import { type PollOptions, PromisedPoll } from '../src/waiting/promised-poll.js';

const cursor = { channel: 'a', after: 5, limit: 10 };
const scope = { channel: 'a', type: undefined };

function poll(source: PollSource, cursor: ReadCursor, options: PollOptions): Promise<EventPage> {
  const started = new PromisedPoll(options);
  started.start(source, scope, cursor);
  return started.page;
}

const away = () => Promise.reject(new EventsError('ServiceUnavailable', 'away'));

const event6 = Buffer.from('{"id":6}');
const nothing = async () => new EventPage([], { firstId: 1, lastId: 5 });
const something = async () => new EventPage([event6], { firstId: 1, lastId: 6 });

let live: LiveChannels;
afterEach(() => live.close());

type Read = (cursor: { readonly after: number }) => Promise<EventPage>;

/** A store that is notified by hand, and whose reads are the given ones, in this order; the last one for ever. */
function source(...reads: Read[]) {
  return sourceOn(new LiveChannels(), reads);
}

function sourceOn(channels: LiveChannels, reads: readonly Read[]) {
  live = channels;
  let count = 0;
  return {
    live,
    hooks: {},
    read: (_scope: unknown, cursor: { readonly after: number }) =>
      (reads[count++] ?? reads.at(-1) ?? nothing)(cursor),
    get reads() {
      return count;
    },
  };
}

/** A read of the store that is answered by hand. */
function slowRead() {
  let answer = (_batch: EventPage) => {};
  const batch = new Promise<EventPage>((resolve) => {
    answer = resolve;
  });
  return { read: () => batch, answer };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

it('rejects where its first read fails', async () => {
  await expect(poll(source(away), cursor, { timeoutMs: 1_000 })).rejects.toThrow('away');
});

it('waits on where the store goes away while it waits, and reads again when it is told to', async () => {
  const store = source(nothing, away, away, something);
  const polling = poll(store, cursor, { timeoutMs: 10_000 });
  for (const reads of [1, 2, 3]) {
    await turn();
    expect([store.reads, live.waiting]).toEqual([reads, 1]);
    live.reset('a');
  }
  expect((await polling).texts).toEqual([event6]);
});

it('does not look without a pause at a store that is away, though it has heard of events that it does not have', async () => {
  const store = source(nothing, away);
  const polling = poll(store, cursor, { timeoutMs: 50 });
  await turn();
  live.push('a', [{ id: 8, type: 'add', json: Buffer.from('{"id":8}') }], '', 1);
  expect(await polling).toMatchObject({ count: 0 });
  // Timers may end a little early.
  expect(store.reads).toBeLessThanOrEqual(6);
});

it('does not look again and again at a store that has less than it has heard of', async () => {
  const store = source(nothing);
  const polling = poll(store, cursor, { timeoutMs: 50 });
  await turn();
  // Event 8 was appended, and then the store came back as it was before.
  live.push('a', [{ id: 8, type: 'add', json: Buffer.from('{"id":8}') }], '', 1);
  expect(await polling).toMatchObject({ count: 0, lastId: 5 });
  expect(store.reads).toBeLessThanOrEqual(6);
});

it('ends empty at its time where the store stays away', async () => {
  const store = source(nothing, away);
  const polling = poll(store, cursor, { timeoutMs: 50 });
  await turn();
  live.reset('a');
  expect(await polling).toMatchObject({ count: 0, firstId: 1, lastId: 5 });
  expect(live.waiting).toBe(0);
});

it('finds at once what came between its look and its wait', async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const hooks = {
    beforeWait: async () => live.push('a', [{ id: 6, type: 'add', json: event6 }], '', 1),
  };
  let found: EventPage | undefined;
  void poll({ ...source(nothing), hooks }, cursor, { timeoutMs: 10_000 }).then((page) => {
    found = page;
  });
  await vi.advanceTimersByTimeAsync(0);
  expect(found?.texts).toEqual([event6]);
});

it('looks again at once if between its look and its wait another epoch has begun, below where it is', async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const third = Buffer.from('{"id":3}');
  const hooks = {
    beforeWait: async () => live.push('a', [{ id: 3, type: 'add', json: third }], '3-2-b-1-a', 1),
  };
  const back = async () => new EventPage([third], { firstId: 1, lastId: 3 }, 2);
  let found: EventPage | undefined;
  void poll({ ...source(nothing, back), hooks }, cursor, { timeoutMs: 10_000 }).then((page) => {
    found = page;
  });
  await vi.advanceTimersByTimeAsync(0);
  expect(found).toMatchObject({ count: 1, rewoundTo: 2 });
});

it('does not begin to wait if its store was closed after its look', async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const hooks = { beforeWait: async () => live.close() };
  let found: EventPage | undefined;
  void poll({ ...source(nothing), hooks }, cursor, { timeoutMs: 10_000 }).then((page) => {
    found = page;
  });
  await vi.advanceTimersByTimeAsync(0);
  expect(found).toMatchObject({ count: 0, lastId: 5 });
});

it('looks again after a second at a store that was away, though nobody tells it to', async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const store = source(nothing, away, something);
  const polling = poll(store, cursor, { timeoutMs: 10_000 });
  await vi.advanceTimersByTimeAsync(0);
  live.reset('a');
  await vi.advanceTimersByTimeAsync(999);
  expect(store.reads).toBe(2);
  await vi.advanceTimersByTimeAsync(1);
  expect((await polling).texts).toEqual([event6]);
});

it('ends empty if its store is closed under a look, which then fails', async () => {
  let fail = () => {};
  const failing = () =>
    new Promise<EventPage>((_, reject) => {
      fail = () => reject(new EventsError('ServiceUnavailable', 'closed'));
    });
  const polling = poll(source(failing), cursor, { timeoutMs: 10_000 });
  await turn();
  live.close();
  fail();
  expect(await polling).toMatchObject({ count: 0 });
});

it('reads once if it is not to wait', async () => {
  const atOnce = { timeoutMs: 0 };
  expect((await poll(source(something, nothing), cursor, atOnce)).texts).toEqual([event6]);
  expect(await poll(source(nothing, something), cursor, atOnce)).toMatchObject({ count: 0, lastId: 5 });
  await expect(poll(source(away, something), cursor, atOnce)).rejects.toThrow('away');
});

it('rejects with what is no matter of being away', async () => {
  const store = source(nothing, () => Promise.reject(new TypeError('a bug')));
  const polling = poll(store, cursor, { timeoutMs: 10_000 });
  await turn();
  live.reset('a');
  await expect(polling).rejects.toThrow('a bug');
});

it('does not trust a read that began before events may have been missed', async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const slow = slowRead();
  const store = source(slow.read, something);
  let found: EventPage | undefined;
  void poll(store, cursor, { timeoutMs: 10_000 }).then((page) => {
    found = page;
  });
  await vi.advanceTimersByTimeAsync(0);
  // Event 6 is appended, its notification lost, and the subscription confirmed anew, all under the read.
  live.reset('a');
  slow.answer(await nothing());
  await vi.advanceTimersByTimeAsync(0);
  expect(found?.texts).toEqual([event6]);
});

it('shares its read with those who ask for the same, and with nobody else', async () => {
  const slow = slowRead();
  const store = source(slow.read);
  const start = (type: string | undefined, more: Partial<ReadCursor>) => {
    const started = new PromisedPoll({ timeoutMs: 10_000 });
    started.start(store, { channel: 'a', type }, { ...cursor, ...more });
    return started.page;
  };
  const asked: [string | undefined, Partial<ReadCursor>][] = [
    [undefined, {}],
    ['add', {}],
    [undefined, { epoch: '1-1-a-0-0' }],
    [undefined, { limit: 11 }],
    [undefined, { after: 4 }],
  ];
  const polls = [...asked, ...asked].map(([type, more]) => start(type, more));
  await turn();
  expect(store.reads).toBe(asked.length);
  slow.answer(await something());
  await Promise.all(polls);
});

it('does not join a read that began before events may have been missed', async () => {
  const store = source(() => new Promise(() => {}), something);
  void poll(store, cursor, { timeoutMs: 10_000 });
  await turn();
  live.reset('a');
  const polling = poll(store, cursor, { timeoutMs: 10_000 });
  expect((await polling).texts).toEqual([event6]);
});

it('ends at its time, and when it is aborted, however often events may have been missed meanwhile', async () => {
  const resetEveryRead = async () => {
    live.reset('a');
    await turn();
    return nothing();
  };
  const timed = poll(source(resetEveryRead), cursor, { timeoutMs: 30 });
  expect(await timed).toMatchObject({ count: 0 });
  live.close();
  const controller = new AbortController();
  const aborted = poll(source(resetEveryRead), cursor, {
    timeoutMs: 60_000,
    signal: controller.signal,
  });
  await turn();
  controller.abort();
  expect(await aborted).toMatchObject({ count: 0 });
});

it('remembers the last pages for those who catch up behind it', async () => {
  const texts = [4, 5, 6].map((id) => Buffer.from(`{"id":${id},"timestamp":1,"n":${id}}`));
  const store = source(async ({ after }) => new EventPage(texts.slice(after - 3), { firstId: 1, lastId: 6 }));
  const from = (after: number) => poll(store, { ...cursor, after }, { timeoutMs: 10_000 });
  expect((await from(5)).events).toMatchObject([{ id: 6 }]);
  expect((await from(3)).events).toMatchObject([{ id: 4 }, { id: 5 }, { id: 6 }]);
  expect(store.reads).toBe(2);
  for (const after of [3, 4, 5]) expect((await from(after)).count).toBe(6 - after);
  expect(store.reads).toBe(2);
  live.reset('a');
  expect((await from(4)).count).toBe(2);
  expect(store.reads).toBe(3);
});

it('does not remember what was found of one type for those who read all', async () => {
  const page = (...ids: number[]) => {
    const texts = ids.map((id) => Buffer.from(`{"id":${id}}`));
    return async () => new EventPage(texts, { firstId: 1, lastId: 8 });
  };
  const store = source(page(8), page(4, 6, 7, 8), page(4, 5, 6, 7, 8));
  await poll(store, { ...cursor, after: 7 }, { timeoutMs: 10_000 });
  const typed = new PromisedPoll({ timeoutMs: 10_000 });
  typed.start(store, { channel: 'a', type: 'add' }, { ...cursor, after: 3 });
  expect((await typed.page).count).toBe(4);
  const all = await poll(store, { ...cursor, after: 3 }, { timeoutMs: 10_000 });
  expect(all.events.map(({ id }) => id)).toEqual([4, 5, 6, 7, 8]);
});

it('waits at the end of what is remembered', async () => {
  const store = source(something);
  await poll(store, cursor, { timeoutMs: 10_000 });
  void poll(store, { ...cursor, after: 6 }, { timeoutMs: 10_000 });
  await turn();
  expect([store.reads, live.waiting]).toEqual([1, 1]);
});

it('ends at once if it was aborted before', async () => {
  const options = { timeoutMs: 60_000, signal: AbortSignal.abort() };
  expect(await poll(source(nothing), cursor, options)).toMatchObject({ count: 0 });
});

it('does not remember a page that was read before events may have been missed', async () => {
  const slow = slowRead();
  const store = source(slow.read, something);
  const polling = poll(store, cursor, { timeoutMs: 10_000 });
  await turn();
  live.reset('a');
  slow.answer(await something());
  expect((await polling).texts).toEqual([event6]);
  await poll(store, cursor, { timeoutMs: 10_000 });
  expect(store.reads).toBe(2);
});

it('tells those who wait if another has found the store further on', async () => {
  const store = source(nothing, async () => new EventPage([], { firstId: 1, lastId: 6 }), something);
  const polling = poll(store, cursor, { timeoutMs: 10_000 });
  await turn();
  // Event 6 was appended and its notification lost; who asks now comes from a server that has heard of it.
  const further = poll(store, { ...cursor, after: 6 }, { timeoutMs: 1_000 });
  expect((await Promise.race([polling, further])).texts).toEqual([event6]);
  live.close();
  await further;
});

it('goes back at once where the store came back older, whatever it hears late of what is lost', async () => {
  const epoch = '1-1-a-0';
  const slow = slowRead();
  const first = Buffer.from('{"id":1}');
  const store = source(
    slow.read,
    async ({ after }) => new EventPage(after === 0 ? [first] : [], { firstId: 1, lastId: 1 }, 0),
  );
  const polling = poll(store, { ...cursor, epoch }, { timeoutMs: 1_000 });
  await turn();
  live.reset('a');
  live.push('a', [{ id: 6, type: 'add', json: event6 }], epoch, 1);
  slow.answer(new EventPage([], { firstId: 0, lastId: 0 }, 0));
  expect(await polling).toMatchObject({ texts: [first], rewoundTo: 0 });
});

it.each(['event', 'time', 'abort', 'aborted before', 'failure'])(
  'leaves nothing behind after: %s',
  async (end) => {
    const controller = new AbortController();
    if (end === 'aborted before') controller.abort();
    const store = source(end === 'failure' ? away : nothing);
    const timeoutMs = end === 'time' ? 20 : 10_000;
    const polling = poll(store, cursor, { timeoutMs, signal: controller.signal }).catch(() => {});
    await turn();
    if (end === 'event') live.push('a', [{ id: 6, type: 'add', json: event6 }], '', 1);
    if (end === 'abort') controller.abort();
    await polling;
    expect([live.waiting, getEventListeners(controller.signal, 'abort')]).toEqual([0, []]);
  },
);

it('that throws keeps nobody else from being woken, and the channel from being let go of', async () => {
  const thrown: unknown[] = [];
  const later = vi.spyOn(globalThis, 'queueMicrotask').mockImplementation((run) => {
    try {
      run();
    } catch (error) {
      thrown.push(error);
    }
  });
  onTestFinished(() => later.mockRestore());
  class Throwing extends PromisedPoll {
    override found(): void {
      throw new Error('a bug');
    }
  }
  const store = source(nothing);
  const throwing = new Throwing({ timeoutMs: 10_000 });
  throwing.start(store, scope, cursor);
  const polling = poll(store, cursor, { timeoutMs: 10_000 });
  await turn();
  const channel = live.use('a');
  expect([live.waiting, channel.users]).toEqual([2, 3]);
  live.push('a', [{ id: 6, type: 'add', json: event6 }], '', 1);
  expect((await polling).texts).toEqual([event6]);
  expect(thrown).toEqual([new Error('a bug')]);
  expect([live.waiting, channel.users]).toEqual([0, 1]);
  live.release(channel);
});

/** A store whose channels become ready by hand. */
function subscribing(...reads: Read[]) {
  let confirm = () => {};
  const confirmed = new Promise<void>((resolve) => {
    confirm = resolve;
  });
  const channels = new LiveChannels({ subscribe: () => confirmed, unsubscribe: () => {} });
  return { store: sourceOn(channels, reads), confirm };
}

it('does not wait for its subscription if there is something', async () => {
  const { store } = subscribing(something);
  expect((await poll(store, cursor, { timeoutMs: 10_000 })).texts).toEqual([event6]);
});

it('rejects where its read fails while it subscribes', async () => {
  const { store } = subscribing(away);
  await expect(poll(store, cursor, { timeoutMs: 10_000 })).rejects.toThrow('away');
});

it('finds what came between its first read and its subscription', async () => {
  const { store, confirm } = subscribing(nothing, something);
  const polling = poll(store, cursor, { timeoutMs: 10_000 });
  await turn();
  expect([store.reads, live.waiting]).toEqual([1, 0]);
  confirm();
  expect((await polling).texts).toEqual([event6]);
});

it('does not take what it hears before its subscription for all there is', async () => {
  const six = async () => new EventPage([event6], { firstId: 1, lastId: 7 });
  const seven = async () => new EventPage([Buffer.from('{"id":7}')], { firstId: 1, lastId: 7 });
  const { store, confirm } = subscribing(six, seven);
  const first = poll(store, { ...cursor, limit: 1 }, { timeoutMs: 10_000 });
  // Told to an earlier subscription of the channel; event 7 is told to none.
  live.push('a', [{ id: 6, type: 'add', json: event6 }], '', 1);
  expect((await first).texts).toEqual([event6]);
  const second = poll(store, { ...cursor, after: 6 }, { timeoutMs: 1_000 });
  confirm();
  expect((await second).count).toBe(1);
});

it('does not ask the storage again if the store was closed while it subscribed', async () => {
  const { store, confirm } = subscribing(nothing);
  const polling = poll(store, cursor, { timeoutMs: 10_000 });
  live.close();
  confirm();
  expect(await polling).toMatchObject({ count: 0, lastId: 5 });
  expect(store.reads).toBe(1);
});
