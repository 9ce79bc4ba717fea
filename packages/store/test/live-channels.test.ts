import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Epochs } from '../src/events/epochs.js';
import { EventPage } from '../src/events/event-page.js';
import { LiveChannels } from '../src/waiting/live-channels.js';
import { waiting } from './support/waiting.js';

const event = (id: number) => ({ id, type: 'add', json: Buffer.from(`{"id":${id}}`) });
const empty = new EventPage([], { firstId: 0, lastId: 0 });

function subscriptions() {
  return { subscribe: vi.fn(async (_channel: string) => {}), unsubscribe: vi.fn((_channel: string) => {}) };
}

describe('LiveChannels', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('subscribes with the first poll, and unsubscribes a while after the last', async () => {
    const source = subscriptions();
    const channels = new LiveChannels(source);
    const [one, two] = [channels.use('a'), channels.use('a')];
    expect(one).toBe(two);
    channels.release(one);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(source.unsubscribe).not.toHaveBeenCalled();
    channels.release(two);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(channels.use('a'), 'back in time').toBe(one);
    channels.release(one);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(channels.use('a'), 'back at the last moment').toBe(one);
    await vi.advanceTimersByTimeAsync(60_000);
    channels.release(one);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(source.unsubscribe.mock.calls).toEqual([['a']]);
    expect(source.subscribe.mock.calls).toEqual([['a']]);
    expect(channels.use('a')).not.toBe(one);
  });

  it('tries again with the next poll where a subscription failed', async () => {
    const source = subscriptions();
    source.subscribe.mockRejectedValueOnce(new Error('away'));
    const channels = new LiveChannels(source);
    const failed = channels.use('a');
    await expect(failed.ready).rejects.toThrow('away');
    channels.release(failed);
    const next = channels.use('a');
    expect(next).not.toBe(failed);
    await next.ready;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(channels.use('a'), 'the timer of the failed one does not end it').toBe(next);
  });

  it('pushes to those who poll the channel and to nobody else', async () => {
    const channels = new LiveChannels();
    channels.push('a', [event(1)], '', 1);
    const [a, b] = [channels.use('a'), channels.use('b')];
    expect(a.tail.lastId).toBe(0);
    const woken = waiting(a.waiters, 1_000);
    void waiting(b.waiters, 1_000);
    channels.push('a', [event(2), event(3)], '', 1);
    await woken;
    expect([a.tail.lastId, b.tail.lastId, channels.waiting]).toEqual([3, 0, 1]);
  });

  it('wakes those who wait for a group when an event of it is released, and nobody else', async () => {
    const channels = new LiveChannels();
    const a = channels.use('a');
    const scope = { type: undefined, group: 'g' };
    void waiting(a.waiters, 1_000);
    void waiting(a.waiters, 1_000, { group: 'other' });
    const woken = waiting(a.waiters, 1_000, { group: 'g' });
    channels.wake({ channel: 'a', ...scope });
    await woken;
    expect([channels.waiting, a.releases, a.resets]).toEqual([2, 1, 0]);
    channels.wake({ channel: 'b', ...scope });
  });

  it('wakes everybody where more was dropped than it has heard of', async () => {
    const channels = new LiveChannels();
    const a = channels.use('a');
    a.start({ firstId: 1, lastId: 1 });
    const woken = waiting(a.waiters, 1_000);
    channels.drop('a', 1);
    expect(channels.waiting).toBe(1);
    channels.drop('a', 3);
    await woken;
    expect([a.tail.started, a.resets]).toEqual([false, 1]);
  });

  it('wakes those who wait if a read has seen more than was known, not if it has seen the same', async () => {
    const a = new LiveChannels().use('a');
    const woken = waiting(a.waiters, 1_000);
    expect(a.start({ firstId: 1, lastId: 5 }), 'the first to look').toBe(true);
    expect(a.start({ firstId: 1, lastId: 5 })).toBe(true);
    expect([a.waiters.size, a.resets]).toEqual([1, 0]);
    expect(a.start({ firstId: 1, lastId: 6 })).toBe(true);
    await woken;
    expect(a.resets).toBe(0);
  });

  it('has everybody look again if a read is of another epoch than what it has heard', async () => {
    const a = new LiveChannels().use('a');
    a.start({ firstId: 1, lastId: 5, epochs: new Epochs('1-1-a-0-0', '') });
    const woken = waiting(a.waiters, 1_000);
    expect(a.start({ firstId: 1, lastId: 5, epochs: new Epochs('6-2-b-1-a', '') })).toBe(false);
    await woken;
    expect([a.tail.started, a.resets]).toEqual([false, 1]);
  });

  it('has everybody look again, once, if a read has seen less than was known when it began', async () => {
    const a = new LiveChannels().use('a');
    const older = new EventPage([], { firstId: 1, lastId: 4 });
    a.start({ firstId: 1, lastId: 5 });
    const woken = waiting(a.waiters, 1_000);
    expect(await a.share('5', async () => older)).toBe(older);
    await woken;
    expect(a.resets).toBe(1);
    a.start({ firstId: 1, lastId: 5 });
    const read = a.share('5', async () => older);
    a.reset();
    await read;
    expect(a.resets, 'it has been told meanwhile').toBe(2);
    await a.share('5', async () => older);
    expect(a.resets, 'nothing was known').toBe(2);
  });

  it('shares a running read, and starts a new one after it', async () => {
    const live = new LiveChannels().use('a');
    let end = (_batch: EventPage) => {};
    const read = vi.fn(
      () =>
        new Promise<EventPage>((resolve) => {
          end = resolve;
        }),
    );
    const shared = [live.share('0', read), live.share('0', read)];
    expect(read).toHaveBeenCalledTimes(1);
    end(empty);
    expect(await Promise.all(shared)).toEqual([empty, empty]);
    const next = live.share('0', read);
    const other = live.share('1', async () => empty);
    expect(read).toHaveBeenCalledTimes(2);
    end(empty);
    await Promise.all([next, other]);
  });

  it('joins no read from before a reset, and lets its end not end the next one', async () => {
    const live = new LiveChannels().use('a');
    const ends: (() => void)[] = [];
    const read = vi.fn(() => new Promise<EventPage>((resolve) => ends.push(() => resolve(empty))));
    const before = live.share('0', read);
    live.reset();
    const after = live.share('0', read);
    expect(ends).toHaveLength(2);
    ends[0]?.();
    await before;
    const joined = live.share('0', read);
    expect(ends).toHaveLength(2);
    ends[1]?.();
    await Promise.all([after, joined]);
  });

  it('resets a channel that nobody polls without further ado, and tells which ones somebody waits on', async () => {
    const channels = new LiveChannels();
    channels.reset('a');
    const [, b] = [channels.use('a'), channels.use('b')];
    const woken = waiting(b.waiters, 1_000);
    expect([...channels.watched()]).toEqual([b]);
    channels.reset('b');
    await woken;
    expect([...channels.watched()]).toEqual([]);
  });

  it('drops with an event what its notification says, and lets a tail age', async () => {
    const channels = new LiveChannels();
    const a = channels.use('a');
    a.start({ firstId: 1, lastId: 1 });
    channels.push('a', [event(2), event(3)], '', 3);
    const ids = (after: number) => a.tail.read(after, undefined, 9, undefined)?.events.map(({ id }) => id);
    expect([ids(1), ids(2)]).toEqual([undefined, [3]]);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(ids(2), 'it is a while since').toEqual([3]);
    await vi.advanceTimersByTimeAsync(10_000);
    expect([ids(2), ids(3)]).toEqual([undefined, []]);
  });

  it('tells all who share a read that it failed, and reads again', async () => {
    const live = new LiveChannels().use('a');
    const failing = async () => {
      throw new Error('away');
    };
    const shared = [live.share('0', failing), live.share('0', failing)];
    for (const read of shared) await expect(read).rejects.toThrow('away');
    expect(await live.share('0', async () => empty)).toBe(empty);
  });

  it('wakes everybody and unsubscribes on close', async () => {
    const source = subscriptions();
    const channels = new LiveChannels(source);
    const live = channels.use('a');
    const wait = waiting(live.waiters, 60_000);
    channels.close();
    await wait;
    channels.release(live);
    expect([channels.closed, channels.waiting, vi.getTimerCount()]).toEqual([true, 0, 0]);
    expect(source.unsubscribe.mock.calls).toEqual([['a']]);
  });
});
