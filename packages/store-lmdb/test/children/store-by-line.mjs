// A store that does what is written to it: `[method, ...arguments]` a line. Reports each result as it comes, with the number of its line.
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { openLmdbStore } from '@ganomede/events-store-lmdb';

const [dataDir = ''] = process.argv.slice(2);
/** @type {any} */
const store = await openLmdbStore({ dataDir });
writeSync(1, '"ready"\n');
let calls = 0;
for await (const line of createInterface({ input: process.stdin })) {
  const call = ++calls;
  const [method, ...args] = JSON.parse(line);
  store[method](...args).then(
    (/** @type {unknown} */ result) => writeSync(1, `${JSON.stringify({ call, result })}\n`),
    (/** @type {Error} */ error) => writeSync(1, `${JSON.stringify({ call, error: error.message })}\n`),
  );
}
