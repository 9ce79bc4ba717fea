// One of several servers: its publishers and its followers work on one channel after the other.
// Writes "ready", then for every line of standard input, the name of a channel, what each of them has seen.
import { createInterface } from 'node:readline';
import { createRedisStore } from '@ganomede/events-store-redis';

const [address = '', name = '', publishers = '', each = '', followers = '', total = ''] =
  process.argv.slice(2);
const where = address.includes(',') ? { cluster: address.split(',') } : { url: address };
const store = await createRedisStore(where);
process.stdout.write('ready\n');

/** @param {number} count @param {(n: number) => Promise<number[]>} work */
const together = (count, work) => Promise.all(Array.from({ length: count }, (_, n) => work(n)));

for await (const channel of createInterface(process.stdin)) {
  const following = together(Number(followers), async (n) => {
    /** @type {number[]} */
    const ids = [];
    while (ids.length < Number(total)) {
      const cursor = { channel, after: ids.at(-1) ?? 0, limit: n + 1 };
      const batch = await store.poll(cursor, { timeoutMs: 10_000 });
      // Nothing for so long, with publishers at work: what is missing has been lost.
      if (batch.count === 0) break;
      ids.push(...batch.events.map(({ id }) => id));
    }
    return ids;
  });
  const publishing = together(Number(publishers), async (publisher) => {
    const ids = [];
    for (let n = 0; n < Number(each); n++) {
      const [header] = await store.append(channel, [
        { from: name, type: `type-${n % 3}`, data: { publisher, n } },
      ]);
      ids.push(header?.id ?? 0);
    }
    return ids;
  });
  const report = { published: await publishing, followed: await following };
  process.stdout.write(`${JSON.stringify(report)}\n`);
}
await store.close();
