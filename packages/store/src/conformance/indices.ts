import type { EventInput, IndexDefinition } from '@ganomede/events-protocol';
import { describe, expect, it } from 'vitest';
import type { EventStore } from '../event-store.js';
import { MAX_PAGE_BYTES } from '../events/event-page.js';
import { ALL, event, ids, newChannel, type OpenStore, upTo } from './store-under-test.js';

const MIB = 1024 * 1024;

const user = (username: unknown): EventInput => ({ from: 'test', type: 'add', data: { username } });

/** An index that no other test uses. */
async function newIndex(
  store: EventStore,
  channel: string,
  field = 'data.username',
): Promise<IndexDefinition> {
  const index = { id: `index ${newChannel()}`, channel, field };
  await store.createIndex(index);
  return index;
}

async function find(
  store: EventStore,
  { id }: IndexDefinition,
  value: string,
  limit = ALL,
  before?: number,
): Promise<number[]> {
  return ids((await store.readIndex({ id, value, limit, before })).rows);
}

export function describeIndices(open: OpenStore): void {
  describe('an index', () => {
    it('has the events of before and after its definition, newest first', async () => {
      const { store, peer } = await open();
      const channel = newChannel();
      const append = (...names: string[]) => store.append(channel, names.map(user));
      await append('alice', 'bob', 'alice');
      const index = await newIndex(store, channel);
      for (const reader of [store, peer]) {
        expect(await find(reader, index, 'alice')).toEqual([3, 1]);
        expect(await find(reader, index, 'bob')).toEqual([2]);
        expect(await find(reader, index, 'carol')).toEqual([]);
      }
      await append('carol', 'alice');
      for (const reader of [peer, store]) {
        expect(await find(reader, index, 'alice')).toEqual([5, 3, 1]);
        expect(await find(reader, index, 'carol')).toEqual([4]);
      }
    });

    it('answers with its definition, the events as they are, and the bounds of the channel', async () => {
      const { store } = await open();
      const channel = newChannel();
      const index = await newIndex(store, channel);
      expect(await store.readIndex({ id: index.id, value: 'alice', limit: 1 })).toMatchObject({
        index,
        rows: { count: 0, firstId: 0, lastId: 0 },
      });
      await store.append(channel, [user('alice'), user('bob')]);
      const { index: found, rows } = await store.readIndex({ id: index.id, value: 'alice', limit: ALL });
      expect(found).toEqual(index);
      expect(rows).toMatchObject({ firstId: 1, lastId: 2 });
      const { json } = await store.read({ channel, after: 0, limit: 1 });
      expect(rows.json.toString()).toBe(json.toString());
    });

    it('finds strings, and numbers and booleans by their JSON text, but nothing else', async () => {
      const { store } = await open();
      const channel = newChannel();
      const values = ['1', 1, 1.5, true, 'true', null, { a: 1 }, ['1'], undefined, -0.25, ''];
      await store.append(channel, values.map(user));
      await store.append(channel, [{ from: 'test', type: 'add' }]);
      const index = await newIndex(store, channel);
      for (const [value, expected] of [
        ['1', [2, 1]],
        ['1.5', [3]],
        ['true', [5, 4]],
        ['-0.25', [10]],
        ['', [11]],
        ['null', []],
        ['undefined', []],
        ['[object Object]', []],
        ['{"a":1}', []],
      ] as const) {
        expect([value, await find(store, index, value)]).toEqual([value, expected]);
      }
    });

    it('looks where its field says', async () => {
      const { store } = await open();
      const channel = newChannel();
      await store.append(channel, [
        { from: 'a', type: 'add', data: { tags: ['x', { name: 'y' }], deep: { er: 'z' } } },
        { from: 'b', type: 'remove', data: ['x'] },
        { from: 'a', type: 'remove', data: { username: 'name' } },
      ]);
      for (const [field, value, expected] of [
        ['type', 'remove', [3, 2]],
        ['from', 'a', [3, 1]],
        ['id', '2', [2]],
        ['data.tags.0', 'x', [1]],
        ['data.tags.1.name', 'y', [1]],
        ['data.0', 'x', [2]],
        ['data.deep.er', 'z', [1]],
        ['data.deep', 'z', []],
        ['data.username.length', '4', []],
        ['data.tags.length', '2', []],
        ['data.constructor.name', 'Object', []],
        ['nothing', 'undefined', []],
      ] as const) {
        const index = await newIndex(store, channel, field);
        expect([field, await find(store, index, value)]).toEqual([field, expected]);
      }
    });

    it('keeps values apart, whatever they hold', async () => {
      const { store, peer } = await open();
      const channel = newChannel();
      const values = [
        ...['a', 'A', 'a ', ' a', '=a', '#a', 'a:', ':a', '{a}', 'a\u0000', 'a\n', '%61', '*', '__proto__'],
        ...['é', 'e\u0301', '😀', '\ud83d', '\ude00', '\ufffd', '深'.repeat(128), '深'.repeat(129)],
        ...['x'.repeat(5_000), `${'x'.repeat(5_000)}y`],
      ];
      await store.append(channel, values.map(user));
      const index = await newIndex(store, channel);
      for (const [i, value] of values.entries()) expect(await find(peer, index, value)).toEqual([i + 1]);
    });

    it('is read page by page', async () => {
      const { store, peer } = await open();
      const channel = newChannel();
      const total = 1_300;
      await store.append(
        channel,
        upTo(total).map((n) => user(n % 3 ? 'other' : 'third')),
      );
      const index = await newIndex(store, channel);
      for (const [value, limit, expected] of [
        ['third', 50, upTo(total).filter((n) => n % 3 === 0)],
        ['other', 500, upTo(total).filter((n) => n % 3)],
        ['other', ALL, upTo(total).filter((n) => n % 3)],
      ] as const) {
        const seen: number[] = [];
        for (;;) {
          const page = await find(seen.length % 2 ? store : peer, index, value, limit, seen.at(-1));
          expect(page.length).toBeLessThanOrEqual(limit);
          if (page.length === 0) break;
          seen.push(...page);
        }
        expect(seen).toEqual([...expected].reverse());
      }
      expect(await find(store, index, 'third', 2, 7)).toEqual([6, 3]);
      expect(await find(store, index, 'third', 2, 6)).toEqual([3]);
      expect(await find(store, index, 'third', 2, 1)).toEqual([]);
      expect(await find(store, index, 'third', 1, Number.MAX_SAFE_INTEGER)).toEqual([1_299]);
    });

    it('of a typed channel name has the events that are filed under the type', async () => {
      const { store } = await open();
      const channel = newChannel();
      const data = { username: 'alice' };
      await store.append(channel, [
        { from: 'a', type: 'add', data },
        { from: 'a', type: 'remove', data },
      ]);
      const [whole, typed] = [await newIndex(store, channel), await newIndex(store, `${channel}:add`)];
      await store.append(`${channel}:add`, [{ from: 'a', type: 'remove', data }]);
      await store.append(`${channel}:remove`, [{ from: 'a', type: 'add', data }]);
      expect(await find(store, whole, 'alice')).toEqual([4, 3, 2, 1]);
      expect(await find(store, typed, 'alice')).toEqual([3, 1]);
      await store.append(channel, [{ from: 'a', type: 'remove', data }]);
      expect(await find(store, typed, 'alice')).toEqual([3, 1]);
      await store.append(channel, [{ from: 'a', type: 'add', data }]);
      expect(await find(store, typed, 'alice')).toEqual([6, 3, 1]);
    });

    it('of a name with a colon has that channel where typed channels are off', async () => {
      const { store } = await open({ typedChannels: false });
      const channel = newChannel();
      await store.append(channel, [user('alice')]);
      await store.append(`${channel}:add`, [user('bob'), user('alice')]);
      const index = await newIndex(store, `${channel}:add`);
      expect(await find(store, index, 'alice')).toEqual([2]);
    });

    it('may be named like a channel, and a channel like it', async () => {
      const { store } = await open();
      const channel = newChannel();
      const others = ['index', 'indices', 'order', 'value', 'channels'].map((name) => `${channel}:${name}`);
      await store.append(channel, [user('alice')]);
      for (const id of [channel, ...others]) await store.createIndex({ id, channel, field: 'data.username' });
      await store.append(channel, [user('alice')]);
      for (const id of [channel, ...others]) {
        const { rows } = await store.readIndex({ id, value: 'alice', limit: ALL });
        expect(ids(rows)).toEqual([2, 1]);
      }
      for (const [n, name] of others.entries()) {
        expect(await store.append(name, [event(1)])).toMatchObject([{ id: 3 + n }]);
      }
      expect(ids(await store.read({ channel, after: 0, limit: ALL }))).toEqual(upTo(7));
    });

    it('keeps channels and fields with odd names apart', async () => {
      const { store } = await open();
      const channel = newChannel();
      const data = { a: 'x', 'a:b': 'y', '=a': 'z', '{a}': 'u', 深: 'v', ':': 'w' };
      for (const name of [channel, `${channel}{a}`, `${channel}/b`]) {
        await store.append(name, [{ from: 'test', type: 'a', data }]);
      }
      for (const name of [channel, `${channel}:a`, `${channel}{a}`, `${channel}/b`]) {
        for (const [key, value] of Object.entries(data)) {
          const index = await newIndex(store, name, `data.${key}`);
          for (const other of Object.values(data)) {
            expect(await find(store, index, other)).toEqual(other === value ? [1] : []);
          }
        }
      }
    });

    it('answers at once where there is nothing new', async () => {
      const { store } = await open();
      const index = await newIndex(store, newChannel());
      const started = performance.now();
      for (let i = 0; i < 5; i++) await find(store, index, 'alice');
      expect(performance.now() - started).toBeLessThan(2_000);
    });

    it('is unknown before its definition, and harms nothing', async () => {
      const { store, peer } = await open();
      const channel = newChannel();
      for (const reader of [store, peer]) {
        const rows = reader.readIndex({ id: channel, value: 'alice', limit: 1 });
        await expect(rows).rejects.toMatchObject({ name: 'EventsError', code: 'ResourceNotFound' });
      }
      await store.append(channel, [user('alice')]);
      await store.createIndex({ id: channel, channel, field: 'data.username' });
      expect(await find(peer, { id: channel, channel, field: '' }, 'alice')).toEqual([1]);
    });

    it('returns as much as fits into a batch, the newest first', async () => {
      const { store } = await open();
      const channel = newChannel();
      const total = 12;
      for (const _ of upTo(total)) {
        const data = { username: 'alice', text: 'x'.repeat(MIB) };
        await store.append(channel, [{ from: 'a', type: 'b', data }]);
      }
      const index = await newIndex(store, channel);
      const seen: number[] = [];
      while (seen.length < total) {
        const { rows } = await store.readIndex({
          id: index.id,
          value: 'alice',
          limit: ALL,
          before: seen.at(-1),
        });
        expect(rows.json.length).toBeLessThanOrEqual(MAX_PAGE_BYTES + 2 * MIB);
        expect(rows.count).toBeGreaterThan(0);
        seen.push(...ids(rows));
      }
      expect(seen).toEqual(upTo(total).reverse());
    });

    it('has no event that retention has dropped', async () => {
      const { store, peer } = await open({ retention: { maxEvents: 10 } });
      const channel = newChannel();
      const index = await newIndex(store, channel);
      const append = () =>
        store.append(
          channel,
          upTo(30).map((n) => user(n % 2 ? 'odd' : 'even')),
        );
      await store.append(channel, [user('old'), user('odd')]);
      expect(await find(store, index, 'old')).toEqual([1]);
      expect(await find(store, index, 'odd')).toEqual([2]);
      await append();
      expect(await find(peer, index, 'old')).toEqual([]);
      expect(await find(peer, index, 'odd')).toEqual([31, 29, 27, 25, 23]);
      expect(await find(store, index, 'odd', ALL, 23)).toEqual([]);
      await append();
      expect(await find(store, index, 'even')).toEqual([62, 60, 58, 56, 54]);
    });

    it('has every event that was acknowledged before it is read, once, while many append and read', async () => {
      const { store, peer } = await open();
      const channel = newChannel();
      const index = await newIndex(store, channel);
      const [stores, acknowledged] = [[store, peer], new Map<string, number[]>()];
      await Promise.all(
        upTo(60).map(async (n) => {
          for (let i = 0; i < 5; i++) {
            const name = `user-${n % 4}`;
            const writer = stores[n % 2] as EventStore;
            const headers = await writer.append(channel, [user(name), user('other')]);
            const own = acknowledged.get(name) ?? [];
            acknowledged.set(name, own);
            own.push(headers[0]?.id ?? 0);
            const before = [...own];
            const found = await find(stores[(n + i) % 2] as EventStore, index, name);
            expect(found).toEqual([...new Set(found)].sort((a, b) => b - a));
            expect(found).toEqual(expect.arrayContaining(before));
          }
        }),
      );
      for (const [name, own] of acknowledged) {
        for (const reader of stores) {
          expect(await find(reader, index, name)).toEqual(own.sort((a, b) => b - a));
        }
      }
    });

    it('takes a long channel where two read it for the first time at once', async () => {
      const { store, peer } = await open();
      const channel = newChannel();
      const total = 5_000;
      await store.append(
        channel,
        upTo(total).map((n) => user(`user-${n % 1_000}`)),
      );
      const index = await newIndex(store, channel);
      const expected = [4_007, 3_007, 2_007, 1_007, 7];
      const reads = upTo(20).map((n) => find(n % 2 ? store : peer, index, 'user-7'));
      for (const found of await Promise.all(reads)) expect(found).toEqual(expected);
      expect(await find(peer, index, 'user-0')).toEqual([5_000, 4_000, 3_000, 2_000, 1_000]);
    });
  });

  describe('definitions of indices', () => {
    it('may be repeated, but not changed', async () => {
      const { store, peer } = await open();
      const channel = newChannel();
      const index = { id: channel, channel, field: 'data.username' };
      for (const writer of [store, store, peer]) await writer.createIndex(index);
      for (const other of [
        { ...index, field: 'data.name' },
        { ...index, channel: `${channel}:add` },
        { ...index, channel: newChannel() },
      ]) {
        for (const writer of [store, peer]) {
          await expect(writer.createIndex(other)).rejects.toMatchObject({
            name: 'EventsError',
            code: 'Conflict',
            message: expect.stringContaining(
              JSON.stringify(other.channel === channel ? other.field : other.channel),
            ),
          });
        }
      }
      await store.append(channel, [user('alice')]);
      expect(await find(peer, index, 'alice')).toEqual([1]);
    });

    it('are one where many are made at once', async () => {
      const { store, peer } = await open();
      const channel = newChannel();
      const outcomes = await Promise.allSettled(
        upTo(20).map((n) =>
          (n % 2 ? store : peer).createIndex({ id: channel, channel, field: `data.${n % 5}` }),
        ),
      );
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(4);
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'Conflict' });
      }
    });

    it('are listed from anywhere, sorted by id', async () => {
      const { store, peer } = await open();
      const channel = newChannel();
      const names = ['b', '__proto__', 'a', '10', '9', '深', '\u{10ffff}', '\uffff', 'constructor', ' ', 'A'];
      const indices = names.map((name) => ({ id: `${channel} ${name}`, channel, field: `data.${name}` }));
      for (const index of indices) await store.createIndex(index);
      const expected = indices.toSorted((a, b) => (a.id < b.id ? -1 : 1));
      for (const reader of [store, peer]) {
        const listed = await reader.indices();
        expect(listed.filter(({ id }) => id.startsWith(`${channel} `))).toEqual(expected);
        expect(listed.map(({ id }) => id)).toEqual(listed.map(({ id }) => id).toSorted());
      }
    });

    it('may have any name', async () => {
      const { store, peer } = await open();
      const channel = newChannel();
      await store.append(channel, [user('alice')]);
      // Named the same by every run: whatever their channels were.
      for (const id of ['__proto__', 'constructor', '0', ' ']) {
        const known = (await store.indices()).find((index) => index.id === id);
        if (known === undefined) await store.createIndex({ id, channel, field: 'data.username' });
        expect((await peer.indices()).map((index) => index.id)).toContain(id);
        await peer.readIndex({ id, value: 'alice', limit: 1 });
      }
    });

    it('take the longest names', async () => {
      const { store } = await open();
      const unique = newChannel();
      const index = {
        id: unique.padEnd(256, '深'),
        channel: unique.padEnd(256, '深'),
        field: `data.${'深'.repeat(251)}`,
      };
      const value = '海'.repeat(5_000);
      await store.createIndex(index);
      await store.append(index.channel, [
        { from: 'a', type: 'b', data: { [index.field.slice('data.'.length)]: value } },
      ]);
      expect(await find(store, index, value)).toEqual([1]);
    });
  });
}
