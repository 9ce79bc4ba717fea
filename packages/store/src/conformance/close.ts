import { describe, expect, it } from 'vitest';
import { event, gate, LONG_MS, newChannel, type OpenStore, untilWaiting, upTo } from './store-under-test.js';

const UNAVAILABLE = { name: 'EventsError', code: 'ServiceUnavailable' };

export function describeClose(open: OpenStore): void {
  describe('close', () => {
    it('ends waiting polls with an empty batch', async () => {
      const { store } = await open();
      const channel = newChannel();
      const polls = upTo(20).map((n) =>
        store.poll({ channel: n % 2 ? channel : newChannel(), after: 0, limit: 1 }, { timeoutMs: LONG_MS }),
      );
      await untilWaiting(store, 20);
      const closed = store.close();
      for (const batch of await Promise.all(polls)) expect(batch.count).toBe(0);
      await closed;
      expect(store.waiting).toBe(0);
    });

    it('ends polls that have only just begun', async () => {
      const { store } = await open();
      const poll = store.poll({ channel: newChannel(), after: 7, limit: 1 }, { timeoutMs: LONG_MS });
      await store.close();
      const batch = await poll;
      expect(batch.count).toBe(0);
      expect(batch.json.toString()).toBe('[]');
    });

    it('ends polls that are between their read and their wait', async () => {
      const reached = gate();
      const closing = gate();
      const { store } = await open({
        hooks: {
          beforeWait: () => {
            reached.open();
            return closing.opened;
          },
        },
      });
      const poll = store.poll({ channel: newChannel(), after: 0, limit: 1 }, { timeoutMs: LONG_MS });
      await reached.opened;
      const closed = store.close();
      closing.open();
      expect((await poll).count).toBe(0);
      await closed;
    });

    it('finishes the writes that run', async () => {
      const { store } = await open();
      const channel = newChannel();
      const appends = upTo(50).map((n) => store.append(channel, [event(n)]));
      const saved = store.saveCursor('mailer', channel, 1);
      await store.close();
      const headers = await Promise.all(appends);
      expect(headers.flat().map(({ id }) => id)).toEqual(upTo(50));
      await saved;
    });

    it('makes every method reject with ServiceUnavailable', async () => {
      const { store } = await open();
      const channel = newChannel();
      await store.append(channel, [event(1)]);
      await store.close();
      await expect(store.append(channel, [event(2)])).rejects.toMatchObject(UNAVAILABLE);
      await expect(store.read({ channel, after: 0, limit: 1 })).rejects.toMatchObject(UNAVAILABLE);
      await expect(store.latest({ channel, limit: 1 })).rejects.toMatchObject(UNAVAILABLE);
      const index = { id: channel, channel, field: 'type' };
      await expect(store.createIndex(index)).rejects.toMatchObject(UNAVAILABLE);
      await expect(store.indices()).rejects.toMatchObject(UNAVAILABLE);
      const rows = store.readIndex({ id: channel, value: 'add', limit: 1 });
      await expect(rows).rejects.toMatchObject(UNAVAILABLE);
      for (const timeoutMs of [0, LONG_MS]) {
        const poll = store.poll({ channel, after: 0, limit: 1 }, { timeoutMs });
        await expect(poll).rejects.toMatchObject(UNAVAILABLE);
      }
      await expect(store.ping()).rejects.toMatchObject(UNAVAILABLE);
      await expect(store.loadCursor('mailer', channel)).rejects.toMatchObject(UNAVAILABLE);
      await expect(store.saveCursor('mailer', channel, 1)).rejects.toMatchObject(UNAVAILABLE);
      expect(store.waiting).toBe(0);
    });

    it('may be called twice', async () => {
      const { store } = await open();
      await Promise.all([store.close(), store.close()]);
      await store.close();
    });
  });
}
