// Writes without end, 24 writers at a time, and reports each write on standard output once it is acknowledged.
import { writeSync } from 'node:fs';
import { openLmdbStore } from '@ganomede/events-store-lmdb';

const [dataDir = '', round = ''] = process.argv.slice(2);
const store = await openLmdbStore({ dataDir });
await store.createIndex({ id: 'parts', channel: 'channel-0', field: 'data.of' });
writeSync(1, 'ready\n');

let n = 0;
/** @param {number} writer */
async function write(writer) {
  const channel = `channel-${writer % 4}`;
  for (;;) {
    const tag = `${round}/${++n}`;
    const size = n % 50 === 0 ? 40_000 : n % 200;
    // Two events at once now and then: both or none.
    const parts = n % 3 ? [1] : [1, 2];
    const headers = await store.append(
      channel,
      parts.map((part) => ({
        from: 'test',
        type: 'add',
        data: { tag, part, of: parts.length, padding: 'x'.repeat(size) },
      })),
      { idempotency: { clientId: 'publisher', key: tag } },
    );
    for (const [i, { id }] of headers.entries()) writeSync(1, `event ${channel} ${id} ${tag} ${i + 1}\n`);
    const id = headers[0]?.id ?? 0;
    if (id % 40 === 0) await store.readIndex({ id: 'parts', value: '2', limit: 1 });
    if (id % 5 === 0) {
      await store.saveCursor(`client-${writer}`, channel, id);
      writeSync(1, `cursor client-${writer} ${channel} ${id}\n`);
    }
  }
}
for (let writer = 0; writer < 24; writer++) write(writer);
