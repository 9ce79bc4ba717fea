import { describe, expect, it } from 'vitest';
import { ALL, event, events, ids, newChannel, type OpenStore, upTo } from './store-under-test.js';

export function describeExpectedLastId(open: OpenStore): void {
  describe('an append that expects a last id', () => {
    const unexpected = (lastId: number) => ({ name: 'EventsError', code: 'UnexpectedLastId', lastId });

    it('is stored if that is the newest id of the channel, and else not', async () => {
      const { store, peer } = await open();
      const channel = newChannel();
      await expect(store.append(channel, [event(1)], { expectedLastId: 1 })).rejects.toMatchObject(
        unexpected(0),
      );
      expect(await store.append(channel, [event(1)], { expectedLastId: 0 })).toMatchObject([{ id: 1 }]);
      await expect(peer.append(channel, [event(2)], { expectedLastId: 0 })).rejects.toMatchObject(
        unexpected(1),
      );
      expect(await peer.append(channel, events(3), { expectedLastId: 1 })).toMatchObject([
        { id: 2 },
        { id: 3 },
        { id: 4 },
      ]);
      await expect(
        store.append(channel, [event(2)], { expectedLastId: Number.MAX_SAFE_INTEGER }),
      ).rejects.toMatchObject(unexpected(4));
      expect(ids(await store.read({ channel, after: 0, limit: ALL }))).toEqual(upTo(4));
    });

    it('looks at the events of the type alone, on a typed name', async () => {
      const { store } = await open();
      const channel = newChannel();
      await store.append(channel, [event(1, 'add'), event(2, 'drop'), event(3, 'drop')]);
      const append = (type: string, expectedLastId: number) =>
        store.append(`${channel}:${type}`, [event(0)], { expectedLastId });
      await expect(append('add', 3)).rejects.toMatchObject(unexpected(1));
      await expect(append('drop', 1)).rejects.toMatchObject(unexpected(3));
      await expect(append('other', 3)).rejects.toMatchObject(unexpected(0));
      expect(await append('add', 1)).toMatchObject([{ id: 4 }]);
      expect(await append('other', 0)).toMatchObject([{ id: 5 }]);
      expect(await append('drop', 3)).toMatchObject([{ id: 6 }]);
      expect(await append('add', 4)).toMatchObject([{ id: 7 }]);
    });

    it('counts what is dropped of a channel, but not of a type', async () => {
      const underTest = await open();
      const { store } = underTest;
      const channel = newChannel();
      await store.append(channel, [event(1, 'old'), event(2), event(3)]);
      if (underTest.trim === undefined) return;
      await underTest.trim(channel, { maxEvents: 2, maxAgeMs: 0, now: Date.now() });
      await expect(store.append(`${channel}:old`, [event(4)], { expectedLastId: 1 })).rejects.toMatchObject(
        unexpected(0),
      );
      await underTest.trim(channel, { maxEvents: 0, maxAgeMs: 1, now: Date.now() + 60_000 });
      expect(await store.read({ channel, after: 0, limit: 1 })).toMatchObject({ count: 0, lastId: 3 });
      await expect(store.append(channel, [event(4)], { expectedLastId: 0 })).rejects.toMatchObject(
        unexpected(3),
      );
      expect(await store.append(`${channel}:old`, [event(4)], { expectedLastId: 0 })).toMatchObject([
        { id: 4 },
      ]);
    });

    it('does not keep others from being stored that come with it', async () => {
      const { store } = await open();
      const [one, two] = [newChannel(), newChannel()];
      const append = (channel: string, n: number, expectedLastId?: number) =>
        store.append(channel, [event(n), event(-n)], { expectedLastId });
      const outcomes = await Promise.allSettled([
        append(one, 1),
        append(two, 1, 7),
        append(one, 2, 1),
        append(one, 3, 2),
        append(two, 2),
        append(one, 4),
        append(one, 5, 2),
        append(`${one}:add`, 6, 6),
        append(`${one}:add`, 7, 6),
      ]);
      const told = outcomes.map((outcome) =>
        outcome.status === 'fulfilled' ? outcome.value.map(({ id }) => id) : outcome.reason.lastId,
      );
      expect(told).toEqual([[1, 2], 0, 2, [3, 4], [1, 2], [5, 6], 6, [7, 8], 8]);
      const { events: stored } = await store.read({ channel: one, after: 0, limit: ALL });
      expect(stored.map(({ data }) => data)).toEqual([1, -1, 3, -3, 4, -4, 6, -6].map((n) => ({ n })));
    });

    it('is answered as the first time under its key, whatever has come since', async () => {
      const { store, peer } = await open();
      const channel = newChannel();
      const idempotency = { clientId: 'writer', key: 'k' };
      const options = { expectedLastId: 0, idempotency };
      const first = await store.append(channel, [event(1)], options);
      await store.append(channel, [event(2)]);
      expect(await peer.append(channel, [event(1)], options)).toEqual(first);
      await expect(store.append(channel, [event(2)], options)).rejects.toMatchObject({
        code: 'IdempotencyKeyReused',
      });
      expect(await store.read({ channel, after: 0, limit: 1 })).toMatchObject({ lastId: 2 });
    });

    it('does not use its key up if it is refused', async () => {
      const { store } = await open();
      const channel = newChannel();
      const idempotency = { clientId: 'writer', key: 'k' };
      await expect(
        store.append(channel, [event(1)], { expectedLastId: 1, idempotency }),
      ).rejects.toMatchObject(unexpected(0));
      await store.append(channel, [event(0)]);
      expect(await store.append(channel, [event(2)], { expectedLastId: 1, idempotency })).toMatchObject([
        { id: 2 },
      ]);
    });

    it('lets one of those who race succeed each time', async () => {
      const { store, peer } = await open();
      const channel = newChannel();
      const ROUNDS = 40;
      const writers = upTo(8).map(async (writer) => {
        let lastId = 0;
        let stored = 0;
        while (lastId < ROUNDS) {
          const appending = (writer % 2 ? store : peer).append(channel, [event(lastId + 1)], {
            expectedLastId: lastId,
          });
          const outcome = await appending.then(
            ([header]) => header?.id ?? 0,
            (error) => {
              expect(error.code).toBe('UnexpectedLastId');
              return error.lastId as number;
            },
          );
          if (outcome === lastId + 1) stored += 1;
          expect(outcome).toBeGreaterThan(lastId);
          lastId = outcome;
        }
        return stored;
      });
      await Promise.all(writers);
      // Each was decided on by somebody who had seen all that was before it.
      const { events: stored } = await store.read({ channel, after: 0, limit: ALL });
      expect(stored.map(({ id, data }) => [id, data])).toEqual(upTo(stored.length).map((n) => [n, { n }]));
      expect(stored.length).toBe(ROUNDS);
    });
  });
}
