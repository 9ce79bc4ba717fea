// Appends 20 KB events, 4 at a time, until one fails, then reports; goes on with a line of standard input.
import { openLmdbStore } from '@ganomede/events-store-lmdb';

/** @param {object} message */
const report = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
const store = await openLmdbStore({ dataDir: process.argv[2] ?? '' });
await store.saveCursor('reader', 'full', 7);

/** @type {number[]} */
const acknowledged = [];
const append = async () => {
  const [header] = await store.append('full', [
    { from: 'test', type: 'add', data: { padding: 'x'.repeat(20_000) } },
  ]);
  acknowledged.push(header?.id ?? 0);
};

/** @type {import('@ganomede/events-protocol').EventsError | undefined} */
let error;
while (error === undefined) {
  await Promise.all(
    [append(), append(), append(), append()].map((done) => done.catch((reason) => (error = reason))),
  );
}
const position = await store.read({ channel: 'full', after: 0, limit: 1 });
report({
  acknowledged,
  error: { name: error.name, code: error.code, message: error.message },
  readable: position.count,
  lastId: position.lastId,
});

process.stdin.once('data', async () => {
  try {
    await Promise.all([append(), append()]);
    report({ acknowledged });
  } catch (problem) {
    report({ problem: String(problem) });
  }
  await store.close();
  process.stdin.destroy();
});
