import { describe, expect, it } from 'vitest';
import { Epochs } from '../src/events/epochs.js';
import { EventPage } from '../src/events/event-page.js';
import type { TailEvent } from '../src/storage.js';
import { LiveTail } from '../src/waiting/live-tail.js';

const ALL = 100_000;

function tailEvent(id: number, type = 'add', padding = 0): TailEvent {
  return { id, type, json: Buffer.from(JSON.stringify({ id, timestamp: 1, padding: 'x'.repeat(padding) })) };
}

function tailFrom(lastId: number): LiveTail {
  const tail = new LiveTail();
  tail.start({ firstId: lastId && 1, lastId });
  return tail;
}

const idsAfter = (tail: LiveTail, after: number, type?: string, limit = ALL) =>
  tail.read(after, undefined, limit, type)?.events.map(({ id }) => id);

describe('LiveTail', () => {
  it('answers nobody before a read has told where the channel begins', () => {
    const tail = new LiveTail();
    expect(idsAfter(tail, 0)).toBeUndefined();
    tail.push(tailEvent(8), '');
    expect(idsAfter(tail, 7), 'started by a push').toBeUndefined();
    tail.start({ firstId: 3, lastId: 7 });
    expect(idsAfter(tail, 7)).toEqual([8]);
    expect(tail.read(8, undefined, 1, undefined)).toMatchObject({
      firstId: 3,
      lastId: 8,
    });
  });

  it('holds nothing from before a redaction that it was not told of', () => {
    const tail = tailFrom(5);
    tail.push(tailEvent(6), '');
    tail.start({ firstId: 1, lastId: 6, redactions: 0 });
    expect(idsAfter(tail, 5)).toEqual([6]);
    tail.start({ firstId: 1, lastId: 6, redactions: 1 });
    expect([idsAfter(tail, 5), idsAfter(tail, 6), tail.lastId]).toEqual([undefined, [], 6]);
    tail.push(tailEvent(7), '');
    tail.start({ firstId: 1, lastId: 6, redactions: 1 });
    expect(idsAfter(tail, 6)).toEqual([7]);

    const begun = new LiveTail();
    begun.push(tailEvent(8), '');
    begun.start({ firstId: 1, lastId: 7, redactions: 1 });
    expect([idsAfter(begun, 7), idsAfter(begun, 8)], 'it may be from before').toEqual([undefined, []]);
    const older = new EventPage([tailEvent(8).json], { firstId: 1, lastId: 8, redactions: 0 });
    begun.adopt(7, older);
    expect(idsAfter(begun, 7), 'a read from before').toBeUndefined();
    begun.adopt(7, new EventPage([tailEvent(8).json], { ...older, redactions: 1 }));
    expect(idsAfter(begun, 7)).toEqual([8]);
  });

  it('keeps what was pushed while the read ran', () => {
    const tail = new LiveTail();
    tail.push(tailEvent(1), '');
    tail.push(tailEvent(2), '');
    tail.start({ firstId: 0, lastId: 0 });
    expect(tail.read(0, undefined, ALL, undefined)).toMatchObject({
      count: 2,
      firstId: 1,
      lastId: 2,
    });
  });

  it('drops what a read has overtaken, and ignores it when it comes late', () => {
    const tail = tailFrom(5);
    tail.push(tailEvent(6), '');
    tail.start({ firstId: 1, lastId: 9 });
    expect(tail.lastId).toBe(9);
    tail.push(tailEvent(7), '');
    tail.push(tailEvent(9), '');
    expect(tail.lastId).toBe(9);
    expect(idsAfter(tail, 6), 'not held any more').toBeUndefined();
    tail.push(tailEvent(10), '');
    expect(idsAfter(tail, 9)).toEqual([10]);
  });

  it('ignores an event that it has', () => {
    const tail = tailFrom(0);
    for (const id of [1, 2, 2, 1, 3]) tail.push(tailEvent(id), '');
    expect(idsAfter(tail, 0)).toEqual([1, 2, 3]);
  });

  it('sends readers to the store after a gap in the ids', () => {
    const tail = tailFrom(2);
    tail.push(tailEvent(3), '');
    tail.push(tailEvent(6), '');
    expect(tail.lastId).toBe(6);
    for (const after of [2, 3, 4]) expect(idsAfter(tail, after)).toBeUndefined();
    expect(idsAfter(tail, 5)).toEqual([6]);
    expect(idsAfter(tail, 6)).toEqual([]);
  });

  it('drops the older half of its events once it holds too many', () => {
    const tail = tailFrom(0);
    for (let id = 1; id <= 1_001; id++) tail.push(tailEvent(id), '');
    expect(idsAfter(tail, 500)).toBeUndefined();
    expect(idsAfter(tail, 501)).toHaveLength(500);
    for (let id = 1_002; id <= 5_000; id++) tail.push(tailEvent(id), '');
    expect(idsAfter(tail, 0)).toBeUndefined();
    expect(idsAfter(tail, 4_900)).toHaveLength(100);
    expect(tail.lastId).toBe(5_000);
  });

  it('drops its oldest events once they are too large, be it all of them', () => {
    const tail = tailFrom(0);
    for (let id = 1; id <= 20; id++) tail.push(tailEvent(id, 'add', 50_000), '');
    expect(idsAfter(tail, 0)).toBeUndefined();
    expect(idsAfter(tail, 19)).toEqual([20]);
    tail.push(tailEvent(21, 'add', 1024 * 1024), '');
    expect(idsAfter(tail, 20), 'too large to hold').toBeUndefined();
    expect(idsAfter(tail, 21)).toEqual([]);
    expect(tail.lastId).toBe(21);
    tail.push(tailEvent(22), '');
    expect(idsAfter(tail, 21)).toEqual([22]);
  });

  it('finds one type, up to a limit', () => {
    const tail = tailFrom(0);
    for (let id = 1; id <= 9; id++) tail.push(tailEvent(id, id % 2 ? 'odd' : 'even'), '');
    expect(idsAfter(tail, 0, 'odd')).toEqual([1, 3, 5, 7, 9]);
    expect(idsAfter(tail, 3, 'even', 2)).toEqual([4, 6]);
    expect(idsAfter(tail, 0, 'none')).toEqual([]);
  });

  it('gives readers at one place the same batch, until the next event', () => {
    const tail = tailFrom(0);
    tail.push(tailEvent(1), '');
    const read = (after: number, limit = 10) => tail.read(after, undefined, limit, undefined);
    const batch = read(0);
    expect(read(0)).toBe(batch);
    expect(read(0, 11)).not.toBe(batch);
    tail.push(tailEvent(2), '');
    expect(read(0)?.count).toBe(2);
    const [first, second] = [read(0), read(1)];
    expect(read(0)).toBe(first);
    expect(read(1)).toBe(second);
    for (let limit = 11; limit < 100; limit++) read(0, limit);
    expect(read(0), 'so many are not kept').not.toBe(first);
    expect(read(0)?.count).toBe(2);
  });

  it('forgets everything on reset', () => {
    const tail = tailFrom(0);
    tail.push(tailEvent(1), '');
    tail.reset();
    expect(tail.lastId).toBe(0);
    expect(idsAfter(tail, 0)).toBeUndefined();
    tail.start({ firstId: 1, lastId: 4 });
    tail.push(tailEvent(5), '');
    expect(idsAfter(tail, 4)).toEqual([5]);
  });

  it('asks the store for a place that it has not heard of', () => {
    const tail = tailFrom(5);
    expect(idsAfter(tail, 5)).toEqual([]);
    expect(idsAfter(tail, 6)).toBeUndefined();
  });

  it('forgets what was dropped', () => {
    const tail = tailFrom(0);
    for (let id = 1; id <= 5; id++) tail.push(tailEvent(id), '');
    expect(tail.drop(3)).toBe(true);
    expect(idsAfter(tail, 0), 'before the oldest').toBeUndefined();
    expect(idsAfter(tail, 2)).toEqual([3, 4, 5]);
    expect(tail.read(5, undefined, 1, undefined)).toMatchObject({
      firstId: 3,
      lastId: 5,
    });
    tail.start({ firstId: 1, lastId: 4 });
    expect(tail.read(5, undefined, 1, undefined)).toMatchObject({
      firstId: 3,
      lastId: 5,
    });
    tail.drop(5);
    expect(tail.read(4, undefined, 1, undefined)).toMatchObject({ count: 1, firstId: 5 });
    tail.drop(6);
    expect(tail.read(5, undefined, 1, undefined)).toMatchObject({
      firstId: 0,
      lastId: 5,
    });
    tail.push(tailEvent(6), '');
    expect(tail.read(5, undefined, 1, undefined)).toMatchObject({
      firstId: 6,
      lastId: 6,
    });
  });

  it('forgets what a read has found to be dropped, though it hears of it later', () => {
    const tail = new LiveTail();
    for (let id = 1; id <= 5; id++) tail.push(tailEvent(id), '');
    tail.start({ firstId: 4, lastId: 5 });
    tail.drop(4);
    expect(idsAfter(tail, 0), 'before the oldest').toBeUndefined();
    expect(idsAfter(tail, 3)).toEqual([4, 5]);
  });

  it('forgets what was dropped in the midst of a channel, and nothing else', () => {
    const tail = tailFrom(10);
    for (let id = 11; id <= 15; id++) tail.push(tailEvent(id), '');
    tail.drop(13);
    expect(idsAfter(tail, 11)).toBeUndefined();
    expect(idsAfter(tail, 12)).toEqual([13, 14, 15]);
  });

  it('remembers what was dropped before a read has told where the channel begins', () => {
    const tail = new LiveTail();
    expect(tail.drop(2)).toBe(true);
    tail.start({ firstId: 1, lastId: 2 });
    expect(tail.read(2, undefined, 1, undefined)).toMatchObject({ firstId: 2, lastId: 2 });
    tail.reset();
    tail.start({ firstId: 1, lastId: 2 });
    expect(tail.read(2, undefined, 1, undefined)).toMatchObject({ firstId: 1, lastId: 2 });
    tail.reset();
    tail.drop(3);
    tail.start({ firstId: 0, lastId: 2 });
    expect(tail.read(2, undefined, 1, undefined), 'all of them').toMatchObject({ firstId: 0, lastId: 2 });
  });

  it('knows nothing where more was dropped than it has heard of', () => {
    const tail = tailFrom(5);
    tail.drop(9);
    expect(tail.started).toBe(false);
    expect(idsAfter(tail, 8)).toBeUndefined();
  });

  it('begins anew after a reset', () => {
    const tail = tailFrom(5);
    tail.push(tailEvent(6), '');
    tail.reset();
    expect(idsAfter(tail, 6)).toBeUndefined();
    tail.start({ firstId: 1, lastId: 2 });
    tail.push(tailEvent(3), '');
    expect(idsAfter(tail, 2)).toEqual([3]);
  });

  it('lets go of what has been there for a while, and goes on without a gap', () => {
    const tail = tailFrom(7);
    tail.push(tailEvent(8), '');
    tail.age();
    tail.push(tailEvent(9), '');
    expect(idsAfter(tail, 7)).toEqual([8, 9]);
    tail.age();
    expect(idsAfter(tail, 7), 'aged').toBeUndefined();
    expect(idsAfter(tail, 8)).toEqual([9]);
    tail.age();
    expect(idsAfter(tail, 9)).toEqual([]);
    tail.push(tailEvent(10), '');
    expect(idsAfter(tail, 9)).toEqual([10]);
  });

  describe('adopts what a read has found in the store', () => {
    const found = (from: number, to: number, { firstId = 1, lastId = 10, padding = 0 } = {}) =>
      new EventPage(
        upTo(to)
          .slice(from - 1)
          .map((id) => tailEvent(id, 'add', padding).json),
        { firstId, lastId },
      );
    const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

    it('where it reaches what is held, page by page', () => {
      const tail = tailFrom(10);
      tail.push(tailEvent(11), '');
      tail.adopt(2, found(3, 8));
      expect(idsAfter(tail, 2), 'not up to the tail').toBeUndefined();
      tail.adopt(7, found(8, 10));
      expect(idsAfter(tail, 7)).toEqual([8, 9, 10, 11]);
      expect(idsAfter(tail, 6)).toBeUndefined();
      tail.adopt(2, found(3, 9));
      expect(idsAfter(tail, 2)).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11]);
      expect(idsAfter(tail, 4, undefined, 2)).toEqual([5, 6]);
      tail.adopt(5, found(6, 9));
      tail.push(tailEvent(12), '');
      expect(idsAfter(tail, 2)).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
      expect(tail.lastId).toBe(12);
    });

    it('but not what lies before ids that no event has', () => {
      const tail = tailFrom(10);
      tail.push(tailEvent(11), '');
      const events = [5, 6, 9, 10, 11, 12].map((id) => tailEvent(id).json);
      tail.adopt(4, new EventPage(events, { firstId: 1, lastId: 12 }));
      expect(idsAfter(tail, 4)).toBeUndefined();
      expect(idsAfter(tail, 10)).toEqual([11]);
    });

    it('but not for readers of a type, as only the store knows that of old events', () => {
      const tail = tailFrom(10);
      tail.push(tailEvent(11), '');
      tail.adopt(7, found(8, 10));
      expect(idsAfter(tail, 7, 'add')).toBeUndefined();
      expect(idsAfter(tail, 9, 'add')).toBeUndefined();
      expect(idsAfter(tail, 10, 'add')).toEqual([11]);
      tail.reset();
      tail.start({ firstId: 1, lastId: 4 });
      tail.push(tailEvent(5), '');
      expect(idsAfter(tail, 4, 'add')).toEqual([5]);
    });

    it('but no more than may be held, and drops nothing newer for it', () => {
      const tail = tailFrom(10);
      for (let id = 11; id <= 15; id++) tail.push(tailEvent(id, 'add', 40_000), '');
      tail.adopt(8, found(9, 10, { padding: 40_000 }));
      expect(idsAfter(tail, 8)).toBeUndefined();
      tail.adopt(9, found(10, 10, { padding: 40_000 }));
      expect(idsAfter(tail, 9)).toEqual([10, 11, 12, 13, 14, 15]);
      tail.push(tailEvent(16, 'add', 40_000), '');
      expect(idsAfter(tail, 12), 'what was adopted counts').toBeUndefined();
      expect(idsAfter(tail, 13)).toEqual([14, 15, 16]);
    });

    it('but nothing before it has started, nor what begins later than was asked for', () => {
      const tail = new LiveTail();
      tail.adopt(7, found(8, 10));
      expect(tail.started).toBe(false);
      tail.start({ firstId: 9, lastId: 10 });
      tail.adopt(7, found(9, 10, { firstId: 9 }));
      expect(idsAfter(tail, 7)).toBeUndefined();
      expect(idsAfter(tail, 8)).toBeUndefined();
    });

    it('but not what was dropped while the read ran', () => {
      const tail = tailFrom(10);
      tail.drop(9);
      tail.adopt(7, found(8, 10));
      expect(idsAfter(tail, 7)).toBeUndefined();
      tail.adopt(8, found(9, 10));
      expect(idsAfter(tail, 8)).toEqual([9, 10]);
    });

    it('for a while', () => {
      const tail = tailFrom(10);
      tail.age();
      tail.adopt(7, found(8, 10));
      tail.age();
      expect(idsAfter(tail, 7)).toBeUndefined();
      expect(idsAfter(tail, 10)).toEqual([]);
    });
  });

  describe('in a store that came back older', () => {
    const [A, B] = ['1-1-a-0-0', '2-2-b-1-a'];
    const page = (epoch: string, lastId: number) => ({ firstId: 1, lastId, epochs: new Epochs(epoch, '') });

    function tailOfA(lastId: number): LiveTail {
      const tail = new LiveTail();
      tail.start(page(A, 0));
      for (let id = 1; id <= lastId; id++) tail.push(tailEvent(id), A);
      return tail;
    }

    it('forgets what it holds when events of another epoch come', () => {
      const tail = tailOfA(5);
      tail.push(tailEvent(2), B);
      tail.push(tailEvent(3), B);
      expect([tail.epoch, tail.lastId]).toEqual([B, 3]);
      expect(tail.read(1, B, ALL, undefined), 'where the channel begins is not known').toBeUndefined();
      expect(tail.start(page(B, 3))).toBe(true);
      expect(tail.read(1, B, ALL, undefined)?.count).toBe(2);
      expect(tail.read(1, A, ALL, undefined), 'the store knows what A has seen').toBeUndefined();
      expect(tail.read(1, undefined, ALL, undefined)?.count).toBe(2);
    });

    it('knows how far a cursor of an earlier epoch is right once a read has told it', () => {
      const tail = tailOfA(0);
      tail.push(tailEvent(2), B);
      tail.start({ firstId: 1, lastId: 2, epochs: new Epochs(B, A) });
      expect(tail.read(1, A, ALL, undefined)?.count).toBe(1);
      expect(tail.read(2, A, ALL, undefined)).toBeUndefined();
    });

    it('is not started by a read of another epoch than what was pushed', () => {
      const tail = tailOfA(0);
      tail.push(tailEvent(2), B);
      expect(tail.start(page(A, 5))).toBe(false);
      expect([tail.epoch, tail.lastId]).toEqual([B, 2]);
    });

    it('adopts nothing of another epoch', () => {
      const tail = new LiveTail();
      tail.start(page(B, 2));
      tail.push(tailEvent(3), B);
      tail.adopt(1, new EventPage([tailEvent(2).json], page(A, 5)));
      expect(tail.read(1, undefined, ALL, undefined)).toBeUndefined();
      tail.adopt(1, new EventPage([tailEvent(2).json], page(B, 3)));
      expect(tail.read(1, undefined, ALL, undefined)?.count).toBe(2);
    });

    it('takes the first event of an empty channel for the beginning of its epoch, and of one that is not for another', () => {
      const empty = tailFrom(0);
      empty.push(tailEvent(1), A);
      expect(empty.read(0, undefined, ALL, undefined)).toMatchObject({ count: 1, firstId: 1 });
      const allDropped = new LiveTail();
      allDropped.start({ firstId: 0, lastId: 5, epochs: new Epochs(A, '') });
      allDropped.push(tailEvent(3), B);
      expect([allDropped.epoch, allDropped.lastId]).toEqual([B, 3]);
    });
  });
});
