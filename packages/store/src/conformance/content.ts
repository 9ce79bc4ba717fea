import { MAX_NAME_LENGTH } from '@ganomede/events-protocol';
import { describe, expect, it } from 'vitest';
import { MAX_PAGE_BYTES } from '../events/event-page.js';
import {
  ALL,
  event,
  ids,
  LONG_MS,
  newChannel,
  type OpenStore,
  untilWaiting,
  upTo,
} from './store-under-test.js';

const MIB = 1024 * 1024;

export function describeContent(open: OpenStore): void {
  describe('content', () => {
    it('comes back as it was: unicode, halves of surrogate pairs, odd keys', async () => {
      const { store, peer } = await open();
      const channel = newChannel();
      const data = {
        text: 'é 深 😀 \u0000 \u2028 \ud800 \udc00 " \\ \n',
        '\ud83d': ['\ude00'],
        '😀': null,
        numbers: [0, -1, 1.5, 1e300, Number.MAX_SAFE_INTEGER],
        nested: [[[{ a: [true, false] }]]],
        ['__proto__']: { polluted: true },
      };
      const input = { from: 'é\ud800😀', type: 'ü', data };
      const poll = store.poll({ channel, after: 0, limit: ALL }, { timeoutMs: LONG_MS });
      await untilWaiting(store, 1);
      const [header] = await peer.append(channel, [input]);
      const expected = JSON.stringify([{ ...header, ...input }]);
      expect((await poll).json.toString()).toBe(expected);
      expect((await store.read({ channel, after: 0, limit: ALL })).json.toString()).toBe(expected);
    });

    it('may be an array, empty, or absent', async () => {
      const { store } = await open();
      const channel = newChannel();
      const inputs = [
        { from: 'a', type: 'b', data: [] },
        { from: 'a', type: 'b', data: {} },
        { from: 'a', type: 'b', data: [1, 'two', null] },
        { from: 'a', type: 'b' },
      ];
      const headers = await store.append(channel, inputs);
      const { events } = await store.read({ channel, after: 0, limit: ALL });
      expect(events).toEqual(inputs.map((input, i) => ({ ...headers[i], ...input })));
    });

    it('is filed under types in any script', async () => {
      const { store } = await open();
      const channel = newChannel();
      const types = ['é', 'e\u0301', '😀', '深', ' ', 'a b', '%', '*', '[a]', '{a}', '..', 'A', 'a'];
      await store.append(
        channel,
        types.map((type, n) => event(n, type)),
      );
      for (const [i, type] of types.entries()) {
        expect(ids(await store.read({ channel: `${channel}:${type}`, after: 0, limit: ALL }))).toEqual([
          i + 1,
        ]);
      }
    });

    it('goes into channels with any name', async () => {
      const { store, peer } = await open();
      const prefix = newChannel();
      const names = [
        '😀',
        'é',
        'e\u0301',
        ' ',
        '{',
        '}',
        '{}',
        '{a}b',
        '*',
        '?',
        '\\',
        '"',
        '/',
        '深',
        '\u{10ffff}',
      ];
      for (const [n, name] of names.entries()) {
        const channel = `${prefix}${name}`;
        const poll = store.poll({ channel, after: 0, limit: 1 }, { timeoutMs: LONG_MS });
        await untilWaiting(store, 1);
        await peer.append(channel, [event(n)]);
        expect((await poll).events).toMatchObject([{ id: 1, data: { n } }]);
      }
    });

    it('goes into channels with the longest names, in three-byte characters', async () => {
      const { store } = await open();
      const unique = newChannel();
      const channel = unique.padEnd(MAX_NAME_LENGTH, '深');
      const clientId = '海'.repeat(MAX_NAME_LENGTH);
      const typed = `${unique}:`.padEnd(MAX_NAME_LENGTH, '深');
      await store.append(channel, [event(1, 'x'.repeat(1_000))]);
      await store.append(typed, [event(2), event(3)]);
      expect(ids(await store.read({ channel, after: 0, limit: ALL }))).toEqual([1]);
      expect(ids(await store.read({ channel: typed, after: 1, limit: ALL }))).toEqual([2]);
      for (const [name, after] of [
        [channel, 1],
        [typed, 2],
      ] as const) {
        await store.saveCursor(clientId, name, after);
        expect(await store.loadCursor(clientId, name)).toMatchObject({ after: after });
      }
    });

    it('may be large', async () => {
      const { store, peer } = await open();
      const channel = newChannel();
      const data = { text: 'é'.repeat(MIB / 2) };
      const polls = upTo(5).map(() => store.poll({ channel, after: 0, limit: 2 }, { timeoutMs: LONG_MS }));
      await untilWaiting(store, 5);
      const [header] = await peer.append(channel, [{ from: 'a', type: 'b', data }]);
      for (const batch of await Promise.all(polls)) {
        expect(batch.events).toEqual([{ ...header, from: 'a', type: 'b', data }]);
      }
    });

    it('is read in several batches where it is very large, each with at least one event', async () => {
      const { store } = await open();
      const channel = newChannel();
      const data = { text: 'x'.repeat(MIB) };
      const total = 20;
      await Promise.all(upTo(total).map(() => store.append(channel, [{ from: 'a', type: 'b', data }])));
      const seen: number[] = [];
      let batches = 0;
      while (seen.length < total) {
        const batch = await store.read({ channel, after: seen.at(-1) ?? 0, limit: ALL });
        expect(batch.count).toBeGreaterThan(0);
        expect(batch.json.length).toBeLessThanOrEqual(MAX_PAGE_BYTES + 2 * MIB);
        expect(batch.lastId).toBe(total);
        seen.push(...ids(batch));
        batches++;
      }
      expect(seen).toEqual(upTo(total));
      expect(batches).toBeGreaterThan(1);
    });
  });
}
