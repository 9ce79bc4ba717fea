import { describe, expect, it } from 'vitest';
import type { EventStore } from '../event-store.js';
import {
  ALL,
  event,
  ids,
  LONG_MS,
  newChannel,
  type OpenStore,
  type StoreUnderTest,
  untilWaiting,
} from './store-under-test.js';

const SECRET = 'alice@example.com';

const about = (name: string, type = 'add') => ({ from: 'test', type, data: { name, n: [1] } });

/** What every way of reading finds. */
async function allTexts(store: EventStore, channel: string, indexId: string): Promise<string> {
  const pages = await Promise.all([
    store.read({ channel, after: 0, limit: ALL }),
    store.read({ channel: `${channel}:add`, after: 0, limit: ALL }),
    store.latest({ channel, limit: ALL }),
    store.poll({ channel, after: 0, limit: ALL }, { timeoutMs: LONG_MS }),
    store.poll({ channel: `${channel}:add`, after: 0, limit: ALL }, { timeoutMs: LONG_MS }),
    store.readIndex({ id: indexId, value: SECRET, limit: ALL }).then(({ rows }) => rows),
  ]);
  return pages.map(({ json }) => json.toString()).join('\n');
}

async function newIndex(store: EventStore, channel: string, field: string): Promise<string> {
  const id = `index ${newChannel()}`;
  await store.createIndex({ id, channel, field });
  return id;
}

async function find(store: EventStore, id: string, value: string): Promise<number[]> {
  return ids((await store.readIndex({ id, value, limit: ALL })).rows);
}

/** Both, if there are two. */
const readers = ({ store, peer }: StoreUnderTest) => [...new Set([store, peer])];

export function describeForgetting(open: OpenStore): void {
  describe('a redaction', () => {
    it('leaves nothing of an event but id, time, sender and type, wherever it is read', async () => {
      const underTest = await open();
      const { store } = underTest;
      const channel = newChannel();
      const byName = await newIndex(store, channel, 'data.name');
      const byType = await newIndex(store, `${channel}:add`, 'type');
      const headers = await store.append(channel, [about('bob'), about(SECRET), about(SECRET, 'other')]);
      for (const reader of readers(underTest)) expect(await find(reader, byName, SECRET)).toEqual([3, 2]);
      expect(await find(store, byType, 'add')).toEqual([2, 1]);

      expect(await store.redact(channel, [3, 2, 7])).toEqual([
        { id: 3, isRedacted: true },
        { id: 2, isRedacted: true },
        { id: 7, isRedacted: false },
      ]);
      for (const reader of readers(underTest)) {
        expect(await allTexts(reader, channel, byName)).not.toContain('alice');
        expect((await reader.read({ channel, after: 0, limit: ALL })).events).toEqual([
          { ...headers[0], ...about('bob') },
          { ...headers[1], from: 'test', type: 'add', redacted: true },
          { ...headers[2], from: 'test', type: 'other', redacted: true },
        ]);
        expect(await find(reader, byName, SECRET)).toEqual([]);
        expect(await find(reader, byName, 'bob')).toEqual([1]);
        expect(await find(reader, byType, 'add'), 'what is kept is found').toEqual([2, 1]);
      }
      const again = await store.redact(channel, [2]);
      expect(again, 'again').toEqual([{ id: 2, isRedacted: true }]);
      await store.append(channel, [about(SECRET)]);
      expect(await find(store, byName, SECRET), 'what comes later is no part of it').toEqual([4]);
    });

    it('takes an event out of the memory of every reader', async () => {
      const underTest = await open();
      const { store, peer } = underTest;
      const channel = newChannel();
      const index = await newIndex(store, channel, 'data.name');
      // Each has it in memory.
      const polls = readers(underTest).map((reader) =>
        reader.poll({ channel, after: 0, limit: ALL }, { timeoutMs: LONG_MS }),
      );
      await untilWaiting(store, 1);
      await untilWaiting(peer, 1);
      await store.append(channel, [about(SECRET), event(2)]);
      for (const page of await Promise.all(polls)) expect(ids(page)).toEqual([1, 2]);
      await peer.redact(channel, [1]);
      for (const reader of readers(underTest)) {
        await expect.poll(() => allTexts(reader, channel, index)).not.toContain('alice');
      }
    });

    it('does not end a wait', async () => {
      const { store, peer } = await open();
      const channel = newChannel();
      await store.append(channel, [about(SECRET)]);
      const poll = store.poll({ channel, after: 1, limit: ALL }, { timeoutMs: LONG_MS });
      await untilWaiting(store, 1);
      await peer.redact(channel, [1]);
      await peer.append(channel, [event(2)]);
      expect(ids(await poll)).toEqual([2]);
    });

    it('takes many events, and those of large ones', async () => {
      const { store } = await open();
      const channel = newChannel();
      const index = await newIndex(store, channel, 'data.name');
      await store.append(
        channel,
        Array.from({ length: 950 }, () => about(SECRET)),
      );
      await store.append(channel, [
        { ...about(SECRET), data: { name: SECRET, text: 'x'.repeat(3_000_000) } },
      ]);
      expect((await find(store, index, SECRET)).length).toBeGreaterThan(900);
      const wanted = [...Array.from({ length: 300 }, (_, i) => 3 * i + 1), 951];
      const redacted = await store.redact(channel, wanted);
      expect(redacted.filter(({ isRedacted }) => isRedacted).map(({ id }) => id)).toEqual(wanted);
      const { events } = await store.read({ channel, after: 0, limit: ALL });
      expect(events.filter(({ redacted }) => redacted).map(({ id }) => id)).toEqual(wanted);
      const left = events.filter(({ redacted }) => !redacted).map(({ id }) => id);
      expect((await find(store, index, SECRET)).toReversed()).toEqual(left);
    });

    it('takes out of an index what it has of events that were dropped', async () => {
      const { store } = await open();
      const channel = newChannel();
      const index = await newIndex(store, channel, 'data.name');
      await store.append(channel, [about(SECRET), about('bob')]);
      expect(await find(store, index, SECRET)).toEqual([1]);
      await store.trim(channel, { id: 2 });
      expect(await store.redact(channel, [1])).toEqual([{ id: 1, isRedacted: false }]);
      expect(await find(store, index, SECRET)).toEqual([]);
      expect(await find(store, index, 'bob')).toEqual([2]);
    });

    it('does not let a repeated append bring the event back', async () => {
      const { store, peer } = await open();
      const channel = newChannel();
      const idempotency = { clientId: 'c', key: 'k' };
      const headers = await store.append(channel, [about(SECRET)], { idempotency });
      await store.redact(channel, [1]);
      expect(await peer.append(channel, [about(SECRET)], { idempotency })).toEqual(headers);
      expect(await peer.read({ channel, after: 0, limit: ALL })).toMatchObject({
        lastId: 1,
        events: [{ id: 1, redacted: true }],
      });
    });

    it('is refused for one type, and for a channel that there is not', async () => {
      const { store } = await open();
      const channel = newChannel();
      const calls = [
        (name: string) => store.redact(name, [1]),
        (name: string) => store.trim(name, { id: 1 }),
        (name: string) => store.deleteChannel(name),
      ];
      for (const call of calls) {
        await expect(call(channel)).rejects.toMatchObject({ code: 'ResourceNotFound' });
        await expect(call(`${channel}:add`)).rejects.toMatchObject({ code: 'InvalidContent' });
      }
      await expect(store.deleteConsumer('c', channel)).rejects.toMatchObject({ code: 'ResourceNotFound' });
    });
  });

  describe('a trim', () => {
    it('drops what lies before an id, and what indices have of it', async () => {
      const underTest = await open();
      const { store, peer } = underTest;
      const channel = newChannel();
      const index = await newIndex(store, channel, 'data.name');
      await store.append(
        channel,
        Array.from({ length: 2_500 }, () => about(SECRET)),
      );
      expect(await find(store, index, SECRET)).toHaveLength(2_500);
      expect(await peer.trim(channel, { id: 2_499 })).toEqual({ firstId: 2_499, lastId: 2_500 });
      for (const reader of readers(underTest)) {
        for (const name of [channel, `${channel}:add`]) {
          expect(ids(await reader.read({ channel: name, after: 0, limit: ALL }))).toEqual([2_499, 2_500]);
        }
        expect(await find(reader, index, SECRET)).toEqual([2_500, 2_499]);
      }
      expect(await store.trim(channel, { id: 5 }), 'nothing comes back').toMatchObject({ firstId: 2_499 });
      expect(await store.trim(channel, { id: 9_999 })).toEqual({ firstId: 0, lastId: 2_500 });
      expect(await store.append(channel, [event(1)])).toMatchObject([{ id: 2_501 }]);
    });

    it('drops what lies before a time', async () => {
      const { store } = await open();
      const channel = newChannel();
      const [first] = await store.append(channel, [event(1), event(2)]);
      await expect.poll(() => Date.now()).toBeGreaterThan((first?.timestamp ?? 0) + 5);
      const [third] = await store.append(channel, [event(3)]);
      const timestamp = third?.timestamp ?? 0;
      await expect.poll(() => Date.now()).toBeGreaterThan(timestamp + 5);
      expect(await store.trim(channel, { timestamp: first?.timestamp ?? 0 })).toMatchObject({ firstId: 1 });
      expect(await store.trim(channel, { timestamp })).toEqual({ firstId: 3, lastId: 3 });
      expect(await store.trim(channel, { timestamp: timestamp + 1 })).toEqual({ firstId: 0, lastId: 3 });
      await expect(store.trim(channel, { timestamp: Date.now() + 60_000 })).rejects.toMatchObject({
        code: 'InvalidContent',
      });
    });
  });

  describe('the end of a consumer', () => {
    it('is that of its cursor on one channel name', async () => {
      const { store, peer } = await open();
      const channel = newChannel();
      await store.append(channel, [event(1)]);
      for (const name of [channel, `${channel}:add`]) await store.saveCursor('c', name, 1);
      await store.saveCursor('other', channel, 1);
      await peer.deleteConsumer('c', channel);
      await expect(store.deleteConsumer('c', channel)).rejects.toMatchObject({ code: 'ResourceNotFound' });
      expect(await store.loadCursor('c', channel)).toMatchObject({ after: 0 });
      expect((await store.consumers(channel, { limit: 9 })).map((c) => [c.clientId, c.channel])).toEqual([
        ['c', `${channel}:add`],
        ['other', channel],
      ]);
    });
  });

  describe('the end of a channel', () => {
    it('takes everything of it, and ids go on if it is used again', async () => {
      const underTest = await open();
      const { store, peer } = underTest;
      const channel = newChannel();
      const other = `${channel}/other`;
      const index = await newIndex(store, channel, 'data.name');
      const indexOfType = await newIndex(store, `${channel}:add`, 'data.name');
      await store.append(
        channel,
        Array.from({ length: 1_500 }, () => about(SECRET)),
      );
      await store.append(other, [about(SECRET)]);
      for (const id of [index, indexOfType]) expect(await find(peer, id, SECRET)).toHaveLength(1_500);
      for (const name of [channel, `${channel}:add`, other]) await store.saveCursor('c', name, 1);
      const { epoch } = await store.read({ channel, after: 0, limit: 1 });
      const poll = store.poll({ channel, after: 1_500, epoch, limit: ALL }, { timeoutMs: LONG_MS });
      await untilWaiting(store, 1);
      await expect.poll(() => store.channels({ prefix: channel, limit: 9 })).toHaveLength(2);

      await peer.deleteChannel(channel);
      for (const reader of readers(underTest)) {
        expect((await reader.channels({ prefix: channel, limit: 9 })).map((c) => c.channel)).toEqual([other]);
        expect(await reader.consumers(channel, { limit: 9 })).toEqual([]);
        expect((await reader.indices()).filter((each) => each.channel.startsWith(channel))).toEqual([]);
        for (const name of [channel, `${channel}:add`]) {
          const page = await reader.read({ channel: name, after: 0, limit: ALL });
          expect(page).toMatchObject({ count: 0, firstId: 0, lastId: 1_500, rewoundTo: undefined });
        }
      }
      expect(await store.loadCursor('c', other)).toMatchObject({ after: 1 });
      await store.deleteChannel(channel);

      expect(await store.append(channel, [about('bob')])).toMatchObject([{ id: 1_501 }]);
      const page = await poll;
      expect([ids(page), page.rewoundTo]).toEqual([[1_501], undefined]);
      const known = await peer.read({ channel, after: 1_500, epoch, limit: ALL });
      expect([ids(known), known.rewoundTo], 'an old cursor misses nothing').toEqual([[1_501], undefined]);
      await expect
        .poll(() => peer.channels({ prefix: channel, limit: 1 }))
        .toMatchObject([{ channel, firstId: 1_501, lastId: 1_501 }]);
      await store.createIndex({ id: index, channel, field: 'data.name' });
      expect(await find(store, index, SECRET)).toEqual([]);
      expect(await find(store, index, 'bob')).toEqual([1_501]);
    });

    it('takes nothing of one that is called as a type of it would be, where typed channels are off', async () => {
      const { store, peer } = await open({ typedChannels: false });
      const channel = newChannel();
      const other = `${channel}:add`;
      for (const name of [channel, other]) {
        await store.append(name, [about(SECRET)]);
        await store.saveCursor('c', name, 1);
        await store.saveGroup(name, 'g');
      }
      const index = await newIndex(store, other, 'data.name');
      expect(await find(store, index, SECRET)).toEqual([1]);
      await store.deleteChannel(channel);
      for (const reader of [store, peer]) {
        expect(await reader.loadCursor('c', other)).toMatchObject({ after: 1 });
        expect(await reader.groups(other)).toHaveLength(1);
        expect(await find(reader, index, SECRET)).toEqual([1]);
        expect(await reader.consumers(channel, { limit: 9 })).toEqual([]);
      }
    });

    it('loses nothing that is appended afterwards, however often it is deleted', async () => {
      const { store, peer } = await open();
      const channel = newChannel();
      await store.append(channel, [event(1)]);
      for (let round = 1; round <= 5; round++) {
        await (round % 2 ? store : peer).deleteChannel(channel);
        const [header] = await (round % 3 ? store : peer).append(channel, [event(round)]);
        expect(header?.id).toBe(round + 1);
        await expect.poll(() => peer.channels({ prefix: channel, limit: 9 })).toHaveLength(1);
        expect(ids(await peer.read({ channel, after: 0, limit: 9 }))).toEqual([round + 1]);
      }
    });
  });
}
