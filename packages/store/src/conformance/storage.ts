import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { Append, ConsumerScope, Storage } from '../storage.js';
import { describeGroupFailures } from './group-failures.js';
import { describeGroupStorage } from './group-storage.js';
import { newChannel, upTo } from './store-under-test.js';
import { describeTransfer } from './transfer.js';

/** An append of `count` events that are filed under `add`. */
function append(channel: string, count: number): Append {
  const text = '"from":"test","type":"add"}';
  const events = Array.from({ length: count }, () => ({ text, type: 'add', filed: 'add' }));
  return { channel, events, bytes: count * text.length, maxEvents: 0, idempotency: undefined };
}

const HOUR_MS = 3_600_000;

/** Trims a channel to an hour before a time, and resolves with the oldest id that is kept then; 0 if none is. */
function trimmer(storage: Storage, channel: string): (now: number) => Promise<number> {
  const { signal } = new AbortController();
  return async (now) => {
    await storage.channels.trim(channel, { maxEvents: 0, maxAgeMs: HOUR_MS, now }, signal);
    return (await storage.scan({ channel, type: undefined, after: 0, limit: 1 })).firstId;
  };
}

/**
 * Registers the Vitest suite of what an engine does that no method of `EventStore` shows yet. `open` opens one in which
 * there may be other channels already.
 */
export function describeStorage(name: string, open: () => Promise<Storage>): void {
  describe(`${name}, a storage`, () => {
    const opened: Storage[] = [];

    const openForTest = async () => {
      const storage = await open();
      opened.push(storage);
      const told: [what: string, channel: string, firstId: number | undefined][] = [];
      storage.listen({
        appended: (channel, _events, _epoch, firstId) => told.push(['appended', channel, firstId]),
        trimmed: (channel, firstId) => told.push(['trimmed', channel, firstId]),
        released: ({ channel, type, group }) =>
          told.push([`released ${type ?? ''} ${group}`, channel, undefined]),
        missed: (channel) => told.push(['missed', channel, undefined]),
      });
      return { storage, told };
    };

    afterEach(async () => {
      await Promise.all(opened.splice(0).map((storage) => storage.close()));
    });

    it('lists channels in the order of their UTF-8 bytes, page by page', async () => {
      const { storage } = await openForTest();
      const prefix = newChannel();
      const names = ['', '/', '/a', '/a:b', '/b', '/é', '/\u{ff5e}', '/\u{1f600}'].map((end) => prefix + end);
      const before = await storage.channels.count();
      for (const channel of names.toReversed()) await storage.append(append(channel, 1));
      await expect.poll(() => storage.channels.count()).toBe(before + names.length);

      // The name that all of them begin with is the first.
      const [first = '', ...others] = names;
      expect(await storage.channels.list({ prefix: '', after: first, limit: others.length })).toEqual(others);
      for (const [i, after] of names.slice(0, -2).entries()) {
        expect(await storage.channels.list({ prefix: '', after, limit: 2 })).toEqual(
          names.slice(i + 1, i + 3),
        );
      }
    });

    it('knows since when a cursor is where it is', async () => {
      const { storage } = await openForTest();
      const consumer = { clientId: 'mailer:1', channel: newChannel(), type: 'add' };
      expect(await storage.cursors.load(consumer)).toBeUndefined();
      const from = Date.now();
      expect(await storage.cursors.save(consumer, 5, undefined)).toBeUndefined();
      const saved = await storage.cursors.load(consumer);
      expect(saved).toEqual({ after: 5, savedAt: expect.any(Number), epoch: undefined });
      expect(saved?.savedAt).toBeGreaterThanOrEqual(from);
      expect(saved?.savedAt).toBeLessThanOrEqual(Date.now());

      await expect.poll(() => Date.now()).toBeGreaterThan(saved?.savedAt ?? 0);
      await storage.cursors.save(consumer, 5, undefined);
      expect(await storage.cursors.load(consumer), 'saved again').toEqual(saved);
      await storage.cursors.save(consumer, 4, undefined);
      const moved = await storage.cursors.load(consumer);
      expect(moved?.after).toBe(4);
      expect(moved?.savedAt).toBeGreaterThan(saved?.savedAt ?? 0);
      expect(await storage.cursors.load({ ...consumer, type: undefined })).toBeUndefined();
    });

    it('keeps the epoch of a cursor until it is told another one', async () => {
      const { storage } = await openForTest();
      const consumer = { clientId: 'mailer:1', channel: newChannel(), type: undefined };
      expect(await storage.cursors.save(consumer, 5, '1-1-a-0')).toBeUndefined();
      const saved = await storage.cursors.load(consumer);
      expect(saved).toMatchObject({ after: 5, epoch: '1-1-a-0' });
      await expect.poll(() => Date.now()).toBeGreaterThan(saved?.savedAt ?? 0);
      const before = { after: 5, epoch: '1-1-a-0' };
      expect(await storage.cursors.save(consumer, 5, '6-2-b-1')).toMatchObject(before);
      expect(await storage.cursors.load(consumer)).toEqual({ ...saved, epoch: '6-2-b-1' });
      expect(await storage.cursors.save(consumer, 6, undefined)).toMatchObject({
        after: 5,
        epoch: '6-2-b-1',
      });
      const moved = await storage.cursors.load(consumer);
      expect(moved).toMatchObject({ after: 6, epoch: '6-2-b-1' });
      await storage.cursors.setEpoch(consumer, 5, '1-1-a-0');
      expect(await storage.cursors.load(consumer), 'it is elsewhere').toEqual(moved);
      await storage.cursors.setEpoch(consumer, 6, '7-3-c-2');
      expect(await storage.cursors.load(consumer)).toEqual({ ...moved, epoch: '7-3-c-2' });
      const other = { ...consumer, clientId: 'other' };
      await storage.cursors.setEpoch(other, 0, '7-3-c-2');
      expect(await storage.cursors.load(other), 'none was saved').toBeUndefined();
      const [none, , , first] = await Promise.all([
        storage.cursors.save(other, 1, undefined),
        storage.cursors.setEpoch(other, 1, 'a'),
        storage.cursors.setEpoch(other, 2, 'b'),
        storage.cursors.save(other, 2, undefined),
        storage.cursors.setEpoch(other, 1, 'c'),
      ]);
      expect(none).toBeUndefined();
      expect(first, 'what was there before each').toMatchObject({ after: 1, epoch: 'a' });
      expect(await storage.cursors.load(other)).toMatchObject({ after: 2, epoch: 'a' });
      await Promise.all([
        storage.cursors.setEpoch(other, 1, 'd'),
        storage.cursors.save(other, 3, undefined),
        storage.cursors.setEpoch(other, 2, 'e'),
      ]);
      expect(await storage.cursors.load(other)).toMatchObject({ after: 3, epoch: 'a' });
    });

    it('saves what comes at once for one consumer as if it came one after the other', async () => {
      const { storage } = await openForTest();
      const channel = newChannel();
      const after = fc.integer({ min: 1, max: 2 });
      const save = fc.record({ after, epoch: fc.constantFrom(undefined, 'a', 'b'), only: fc.constant('') });
      const setEpoch = fc.record({ after, epoch: fc.constantFrom('c', 'd'), only: fc.constant('epoch') });
      let tried = 0;
      const anySaves = fc.array(fc.oneof(save, setEpoch), { minLength: 2, maxLength: 6 });
      const asOneAfterTheOther = fc.asyncProperty(anySaves, async (saves) => {
        tried++;
        const apart = { clientId: `apart ${tried}`, channel, type: undefined };
        const atOnce = { clientId: `at once ${tried}`, channel, type: undefined };
        const make = async (consumer: ConsumerScope, { after, epoch, only }: (typeof saves)[number]) => {
          if (only && epoch) return storage.cursors.setEpoch(consumer, after, epoch);
          const before = await storage.cursors.save(consumer, after, epoch);
          return before && { ...before, savedAt: typeof before.savedAt };
        };
        // Both have something saved, or nothing.
        const first = tried % 2 ? saves.slice(0, 1) : [];
        for (const each of first) for (const of of [apart, atOnce]) await make(of, each);
        const before: unknown[] = [];
        for (const each of saves) before.push(await make(apart, each));
        expect(await Promise.all(saves.map((each) => make(atOnce, each)))).toEqual(before);
        const { savedAt, ...saved } = (await storage.cursors.load(apart)) ?? {};
        const found = await storage.cursors.load(atOnce);
        expect(found ?? {}).toEqual({ ...saved, ...(savedAt && { savedAt: expect.any(Number) }) });
      });
      await fc.assert(asOneAfterTheOther, { numRuns: 60 });
    });

    it('keeps one epoch while it is sure of itself, and tells it with its pages', async () => {
      const { storage } = await openForTest();
      const channel = newChannel();
      const scan = { channel, type: undefined, after: 0, limit: 10 };
      expect((await storage.scan(scan)).epoch).toBe('');
      await storage.append(append(channel, 1));
      const { epoch } = await storage.scan(scan);
      expect(epoch).toMatch(/^1-\d{13}-[0-9a-z]+-0-0$/);
      await storage.append(append(channel, 2));
      for (const type of [undefined, 'add']) {
        for (const range of [{ after: 0 }, { after: 3 }, { before: 3 }, { before: undefined }]) {
          const { epochs } = await storage.scan({ channel, type, limit: 10, ...range });
          expect([epochs?.current, epochs?.earlier]).toEqual([epoch, '']);
        }
      }
      const { timestamp } = (await storage.scan({ ...scan, after: 2 })).events[0] ?? {};
      const ends = [
        { firstId: 1, lastId: 3, timestamp, epoch, redactions: 0, isDeleted: false },
        { firstId: 1, lastId: 0, timestamp: 0, epoch: '', redactions: 0, isDeleted: false },
      ];
      expect(await storage.channels.ends([channel, newChannel()])).toEqual(ends);
      expect(await storage.subscriptions?.ends([channel, newChannel()])).toEqual(
        storage.subscriptions && ends,
      );
    });

    it('trims a channel to the limits, and tells it', async () => {
      const { storage, told } = await openForTest();
      const channel = newChannel();
      await storage.subscriptions?.subscribe(channel);
      await storage.append(append(channel, 3_000));
      const { signal } = new AbortController();
      await storage.channels.trim(channel, { maxEvents: 7, maxAgeMs: 0, now: 0 }, signal);
      for (const type of [undefined, 'add']) {
        const page = await storage.scan({ channel, type, after: 0, limit: 100 });
        expect(page.events.map(({ id }) => id)).toEqual(upTo(3_000, 2_994));
      }
      await expect.poll(() => told.at(-1)).toEqual(['trimmed', channel, 2_994]);
      await storage.channels.trim(channel, { maxEvents: 0, maxAgeMs: HOUR_MS, now: Date.now() }, signal);
      expect(await storage.scan({ channel, type: undefined, after: 0, limit: 1 })).toMatchObject({
        firstId: 2_994,
        lastId: 3_000,
      });
    });

    it('counts ages to the time that it is told', async () => {
      const { storage } = await openForTest();
      const channel = newChannel();
      await storage.append(append(channel, 2_500));
      const page = await storage.scan({ channel, type: undefined, after: 2_499, limit: 1 });
      const { timestamp = 0 } = page.events[0] ?? {};
      const trim = trimmer(storage, channel);
      expect(await trim(timestamp)).toBe(1);
      expect(await trim(timestamp + HOUR_MS)).toBe(1);
      expect(await trim(timestamp + HOUR_MS + 1)).toBe(0);
    });

    it('counts the age of events from the future from when they were seen first', async () => {
      const { storage } = await openForTest();
      const channel = newChannel();
      await storage.append(append(channel, 3));
      const trim = trimmer(storage, channel);
      // As if a clock that was a year ahead had stamped them, and is right again.
      const now = Date.now() - 365 * 24 * HOUR_MS;
      expect(await trim(now)).toBe(1);
      await storage.append(append(channel, 1_500));
      expect(await trim(now + HOUR_MS)).toBe(1);
      expect(await trim(now + HOUR_MS + 1), 'those that were there').toBe(4);
      expect(await trim(now + HOUR_MS + 2)).toBe(4);
      expect(await trim(now + 2 * HOUR_MS + 1)).toBe(4);
      expect(await trim(now + 2 * HOUR_MS + 3), 'those from then on').toBe(0);
      expect(await storage.append(append(channel, 1))).toMatchObject({ firstId: 1_504 });
    });

    it('takes time of a clock that was ahead for nothing once the clock is right', async () => {
      const { storage } = await openForTest();
      const channel = newChannel();
      await storage.append(append(channel, 3));
      const trim = trimmer(storage, channel);
      const now = Date.now() - 365 * 24 * HOUR_MS;
      const ahead = Date.now() - 24 * HOUR_MS;
      expect(await trim(ahead), 'seen while it was ahead').toBe(1);
      expect(await trim(now)).toBe(1);
      expect(await trim(now + HOUR_MS)).toBe(1);
      expect(await trim(now + HOUR_MS + 1)).toBe(0);
    });

    it('lets an index take no step with what was read before a redaction', async () => {
      const { storage, told } = await openForTest();
      const channel = newChannel();
      await storage.subscriptions?.subscribe(channel);
      await storage.append(append(channel, 2));
      const scope = { channel, type: undefined, field: 'from' };
      const page = await storage.scan({ channel, type: undefined, after: 0, limit: 9 });
      const [{ id, timestamp } = { id: 0, timestamp: 0 }] = page.events;
      const redaction = { id, timestamp, kept: '"from":"test","type":"add"' };
      const wrong = [
        { ...redaction, timestamp: 1 },
        { ...redaction, id: 2 },
        { ...redaction, id: 3 },
      ];
      expect(
        await storage.channels.redact(channel, wrong),
        'one that is no such event is left alone',
      ).toEqual([false, true, false]);
      await expect.poll(() => told.at(-1)?.[0]).toBe(storage.subscriptions ? 'trimmed' : 'missed');
      expect(told.filter(([what]) => what === 'missed')).not.toEqual([]);

      const step = { from: 0, to: 2, entries: [{ id: 1, key: '=test' }] };
      const { redactions = 0 } = page;
      expect([redactions, await storage.indices.advance(scope, { ...step, redactions })]).toEqual([0, 0]);
      expect(await storage.channels.redact(newChannel(), [redaction])).toEqual([false]);
      const again = await storage.scan({ channel, type: undefined, after: 0, limit: 9 });
      expect(again.redactions).toBe(1);
      expect(await storage.indices.advance(scope, { ...step, redactions: 1 })).toBe(2);
      const rows = async () =>
        (await storage.indices.rows(scope, '=test', { limit: 9, before: undefined })).events.map(
          ({ id }) => id,
        );
      expect(await rows()).toEqual([1]);
      await storage.indices.remove(scope, [2, 1, 7]);
      await storage.indices.remove(scope, [1]);
      expect(await rows()).toEqual([]);
    });

    it('scans both ways, bounded by an id', async () => {
      const { storage } = await openForTest();
      const channel = newChannel();
      await storage.append(append(channel, 10));
      for (const type of [undefined, 'add']) {
        const ids = async (range: { after: number } | { before: number | undefined }) =>
          (await storage.scan({ channel, type, limit: 3, ...range })).events.map(({ id }) => id);
        expect(await ids({ after: 4 })).toEqual([5, 6, 7]);
        expect(await ids({ before: 4 })).toEqual([3, 2, 1]);
        expect(await ids({ before: undefined })).toEqual([10, 9, 8]);
        expect(await ids({ after: 9 })).toEqual([10]);
        expect(await ids({ before: 1 })).toEqual([]);
      }
    });

    describe('groups', () => describeGroupStorage(openForTest));
    describe('what it takes from another', () => describeTransfer(openForTest));
    describe('groups of a store on it', () => describeGroupFailures(openForTest));
  });
}
