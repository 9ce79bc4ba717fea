// One of several servers that are sent the same publishes: appends with idempotency keys, all at once.
// Writes "ready", then for every line of standard input, the name of a channel, the id that each key was given.
import { createInterface } from 'node:readline';
import { createRedisStore } from '@ganomede/events-store-redis';

const [address = '', keys = ''] = process.argv.slice(2);
const where = address.includes(',') ? { cluster: address.split(',') } : { url: address };
const store = await createRedisStore(where);
process.stdout.write('ready\n');

for await (const channel of createInterface(process.stdin)) {
  const headers = await Promise.all(
    Array.from({ length: Number(keys) }, (_, n) =>
      store.append(channel, [{ from: 'web', type: 'add', data: { n } }], {
        idempotency: { clientId: 'web', key: String(n) },
      }),
    ),
  );
  process.stdout.write(`${JSON.stringify(headers.map(([header]) => header?.id))}\n`);
}
await store.close();
