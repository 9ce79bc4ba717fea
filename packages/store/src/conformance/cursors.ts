import { describe, expect, it } from 'vitest';
import { event, newChannel, type OpenStore, upTo } from './store-under-test.js';

export function describeCursors(open: OpenStore): void {
  describe('saved cursors', () => {
    it('are 0 where none was saved', async () => {
      const { store } = await open();
      expect(await store.loadCursor('nobody', newChannel())).toEqual({ after: 0, epoch: undefined });
    });

    it('are kept, from anywhere, once saved', async () => {
      const { store, peer } = await open();
      const channel = newChannel();
      await store.saveCursor('mailer', channel, 5);
      expect(await store.loadCursor('mailer', channel)).toMatchObject({ after: 5 });
      expect(await peer.loadCursor('mailer', channel)).toMatchObject({ after: 5 });
      await peer.saveCursor('mailer', channel, Number.MAX_SAFE_INTEGER);
      expect(await store.loadCursor('mailer', channel)).toMatchObject({ after: Number.MAX_SAFE_INTEGER });
    });

    it('go back where a lower one is saved', async () => {
      const { store } = await open();
      const channel = newChannel();
      for (const after of [9, 3, 3, 0, 7]) {
        await store.saveCursor('mailer', channel, after);
        expect(await store.loadCursor('mailer', channel)).toMatchObject({ after: after });
      }
    });

    it('are what was saved last where many are saved at once', async () => {
      const { store } = await open();
      const channel = newChannel();
      await Promise.all([...upTo(100), 42].map((after) => store.saveCursor('mailer', channel, after)));
      expect(await store.loadCursor('mailer', channel)).toMatchObject({ after: 42 });
    });

    it('are one per client and channel name, whatever the names hold', async () => {
      const { store } = await open();
      const channel = newChannel();
      const places = [
        ['a', channel],
        ['b', channel],
        ['a:', channel],
        ['a', `${channel}/b`],
        ['a', `${channel}:add`],
        ['a', `${channel}:del`],
        ['a/b', channel],
        ['a ', channel],
        ['A', channel],
        ['a', `${channel} `],
        ['{a}', channel],
        ['a', `${channel}{a}`],
        [`a:${channel}`, 'a'],
      ] as const;
      await Promise.all(places.map(([clientId, name], i) => store.saveCursor(clientId, name, i + 1)));
      const loaded = await Promise.all(places.map(([clientId, name]) => store.loadCursor(clientId, name)));
      expect(loaded.map(({ after }) => after)).toEqual(places.map((_, i) => i + 1));
    });

    it('need no event, and are not moved by any', async () => {
      const { store } = await open();
      const channel = newChannel();
      await store.saveCursor('mailer', channel, 1);
      await store.append(channel, [event(1), event(2)]);
      await store.read({ channel, after: 2, limit: 1 });
      await store.poll({ channel, after: 0, limit: 2 }, { timeoutMs: 0 });
      expect(await store.loadCursor('mailer', channel)).toMatchObject({ after: 1 });
    });
  });
}
