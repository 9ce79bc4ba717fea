// Appends 20 KB events, 4 at a time, until one fails, then reports; goes on with a line of standard input. Arguments: the
// directory, and how much of its disk is kept free.
import { openLmdbStore } from '@ganomede/events-store-lmdb';

/** @param {object} message */
const report = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
const [dataDir = '', reserve] = process.argv.slice(2);
const store = await openLmdbStore({ dataDir, diskReserveBytes: Number(reserve) });
await store.saveCursor('reader', 'full', 7);

/** @type {number[]} */
const acknowledged = [];
/** Idempotency keys of appends that failed. @type {string[]} */
const failed = [];
let count = 0;
const append = async (key = String(++count)) => {
  const event = { from: 'test', type: 'add', data: { padding: 'x'.repeat(20_000) } };
  try {
    const [header] = await store.append('full', [event], { idempotency: { clientId: 'filler', key } });
    acknowledged.push(header?.id ?? 0);
  } catch (error) {
    failed.push(key);
    throw error;
  }
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
    // The same again: they have not used up their keys.
    await Promise.all([append(failed[0]), append(failed[0]), append()]);
    report({ acknowledged });
  } catch (problem) {
    report({ problem: String(problem) });
  }
  await store.close();
  process.stdin.destroy();
});
