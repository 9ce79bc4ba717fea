// One of several servers that read the same index. Writes "ready", then for every line of standard input, a number and
// the value to look for, that number and the ids found; many lines are worked on at once.
import { createInterface } from 'node:readline';
import { createRedisStore } from '@ganomede/events-store-redis';

const [address = '', id = ''] = process.argv.slice(2);
const where = address.includes(',') ? { cluster: address.split(',') } : { url: address };
const store = await createRedisStore(where);
process.stdout.write('ready\n');

const reading = new Set();
for await (const line of createInterface(process.stdin)) {
  const [n, value = ''] = line.split(' ');
  const read = store.readIndex({ id, value, limit: 100_000 }).then(({ rows }) => {
    process.stdout.write(`${n} ${JSON.stringify(rows.events.map((event) => event.id))}\n`);
    reading.delete(read);
  });
  reading.add(read);
}
await Promise.all(reading);
await store.close();
