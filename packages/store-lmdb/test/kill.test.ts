import type { EventStore } from '@ganomede/events-store';
import { openLmdbStore } from '@ganomede/events-store-lmdb';
import { Process } from '@ganomede/events-testing';
import { describe, expect, it } from 'vitest';
import { newDirectory } from './directories.js';

const ROUNDS = 20;

interface StoredData {
  readonly tag: string;
  readonly part: number;
  readonly of: number;
  readonly padding: string;
}

/** What the children were told is stored. */
class Acknowledged {
  /** `channel id` to `tag part`. */
  readonly events = new Map<string, string>();
  readonly cursors = new Map<string, number>();

  take(lines: readonly string[]): void {
    for (const line of lines) {
      const [kind, a, b, c, d] = line.split(' ');
      if (kind === 'event') this.events.set(`${a} ${b}`, `${c} ${d}`);
      if (kind === 'cursor') this.cursors.set(`${a} ${b}`, Math.max(Number(c), this.#cursor(`${a} ${b}`)));
    }
  }

  #cursor(place: string): number {
    return this.cursors.get(place) ?? 0;
  }
}

/** Every acknowledged event is there as it was, ids have no gap, and what was appended together is whole. */
async function check(store: EventStore, acknowledged: Acknowledged): Promise<number> {
  const missing = new Map(acknowledged.events);
  let total = 0;
  for (const channel of [0, 1, 2, 3].map((n) => `channel-${n}`)) {
    const found: StoredData[] = [];
    for (;;) {
      const batch = await store.read({ channel, after: found.length, limit: 5_000 });
      expect(batch.lastId).toBeGreaterThanOrEqual(found.length);
      if (batch.count === 0) {
        expect(batch.lastId, 'the newest id is that of the last event').toBe(found.length);
        break;
      }
      for (const { id, data } of batch.events) {
        found.push(data as unknown as StoredData);
        if (id !== found.length) throw new Error(`${channel}: expected id ${found.length}, found ${id}`);
        const { tag, part, of, padding } = data as unknown as StoredData;
        const told = missing.get(`${channel} ${id}`);
        if (told !== undefined && told !== `${tag} ${part}`)
          throw new Error(`${channel} ${id}: ${told} became ${tag} ${part}`);
        missing.delete(`${channel} ${id}`);
        const n = Number(tag.split('/')[1]);
        expect(padding.length).toBe(n % 50 === 0 ? 40_000 : n % 200);
        if (part === 2) expect(found.at(-2)).toMatchObject({ tag, part: 1, of });
      }
    }
    expect(found.at(-1)?.part, 'no half of an append').toBe(found.at(-1)?.of);
    const typed = await store.read({ channel: `${channel}:add`, after: found.length - 10, limit: 10 });
    expect(typed.count).toBe(Math.min(10, found.length));
    total += found.length;
  }
  expect([...missing.keys()], 'acknowledged, but lost').toEqual([]);
  for (const [place, after] of acknowledged.cursors) {
    const [clientId = '', channel = ''] = place.split(' ');
    expect((await store.loadCursor(clientId, channel)).after).toBeGreaterThanOrEqual(after);
  }
  return total;
}

/** What was appended last and is sent again is not stored again: whoever did not hear of it may ask. */
async function sendAgain(store: EventStore): Promise<void> {
  for (const channel of [0, 1, 2, 3].map((n) => `channel-${n}`)) {
    const { events, lastId } = await store.latest({ channel, limit: 30 });
    for (const [i, { id, data }] of events.entries()) {
      const { tag, part, of } = data as unknown as StoredData;
      const next = events[i + 1];
      if (part !== 1 || (of === 2 && next === undefined)) continue;
      const sent = of === 2 && next ? [events[i], next] : [events[i]];
      const headers = await store.append(
        channel,
        sent.map((event) => ({ from: 'test', type: 'add', data: event?.data ?? {} })),
        { idempotency: { clientId: 'publisher', key: tag } },
      );
      expect(headers.map((header) => header.id)).toEqual(of === 2 ? [id, id + 1] : [id]);
    }
    expect(await store.read({ channel, after: 0, limit: 1 })).toMatchObject({ lastId });
  }
}

/** The index has what the channel has, each once; the newest are looked at. */
async function checkIndex(store: EventStore): Promise<void> {
  const channel = 'channel-0';
  await store.createIndex({ id: 'parts', channel, field: 'data.of' });
  for (const of of [1, 2]) {
    const { rows } = await store.readIndex({ id: 'parts', value: String(of), limit: 500 });
    const oldest = rows.events.at(-1)?.id ?? 1;
    const { events } = await store.read({ channel, after: oldest - 1, limit: 100_000 });
    const expected = events.filter(({ data }) => (data as unknown as StoredData).of === of);
    expect(rows.events.map(({ id }) => id)).toEqual(expected.map(({ id }) => id).reverse());
  }
}

describe('a store whose process is killed under load', () => {
  it(`has every acknowledged event after each of ${ROUNDS} kills, without repair`, {
    timeout: 120_000,
  }, async () => {
    const dataDir = newDirectory();
    const acknowledged = new Acknowledged();
    for (let round = 0; round < ROUNDS; round++) {
      const child = Process.node(new URL('children/publisher.mjs', import.meta.url), [
        dataDir,
        String(round),
      ]);
      // Now and then while it starts, mostly while it writes.
      if (round % 5 === 4) await new Promise((resolve) => setTimeout(resolve, Math.random() * 400));
      else {
        await child.line(1);
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 150));
      }
      await child.stop('SIGKILL');
      expect(child.stderr).toBe('');
      acknowledged.take(child.lines);

      const store = await openLmdbStore({ dataDir });
      try {
        expect(await check(store, acknowledged)).toBeGreaterThanOrEqual(acknowledged.events.size);
        await sendAgain(store);
        await checkIndex(store);
      } finally {
        await store.close();
      }
    }
    expect(acknowledged.events.size).toBeGreaterThan(ROUNDS * 10);
    expect(acknowledged.cursors.size).toBeGreaterThan(0);
  });

  it('can be killed while it creates its files', { timeout: 60_000 }, async () => {
    for (let round = 0; round < 5; round++) {
      const dataDir = newDirectory();
      const child = Process.node(new URL('children/publisher.mjs', import.meta.url), [dataDir, '0']);
      if (round > 0) await child.line(0);
      else await new Promise((resolve) => setTimeout(resolve, Math.random() * 300));
      await child.stop('SIGKILL');
      const acknowledged = new Acknowledged();
      acknowledged.take(child.lines);
      const store = await openLmdbStore({ dataDir });
      await check(store, acknowledged);
      await store.close();
    }
  });
});
