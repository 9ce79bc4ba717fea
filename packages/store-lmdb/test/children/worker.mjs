// Appends a hundred events and works on them, eight workers at a time, and reports on standard output what each was given and what is acknowledged.
import { writeSync } from 'node:fs';
import { openLmdbStore } from '@ganomede/events-store-lmdb';

const [dataDir = ''] = process.argv.slice(2);
const store = await openLmdbStore({ dataDir });
await store.saveGroup('orders', 'g', {
  order: 'data.user',
  leaseMs: 1_000,
  backoffMs: [0],
  maxDeliveries: 1_000,
});
writeSync(1, 'ready\n');

/** @param {string} clientId */
async function work(clientId) {
  for (;;) {
    const { events } = await store.receive('orders', 'g', { clientId, limit: 5, timeoutMs: 10_000 });
    for (const { id, delivery } of events) writeSync(1, `given ${id} ${delivery.count}\n`);
    for (const { id, delivery } of events) {
      const settlement = { kind: /** @type {const} */ ('acknowledge'), id, token: delivery.token };
      const [held] = await store.settle('orders', 'g', [settlement]);
      if (held) writeSync(1, `done ${id}\n`);
    }
  }
}
for (let n = 0; n < 8; n++) work(`worker ${n}`);
for (let n = 0; n < 100; n++)
  await store.append('orders', [{ from: 'shop', type: 'paid', data: { user: n % 7 } }]);
