// Opens a store and says how that went; keeps it open until standard input ends.
import { openLmdbStore } from '@ganomede/events-store-lmdb';

try {
  const store = await openLmdbStore({ dataDir: process.argv[2] ?? '' });
  process.stdout.write('opened\n');
  process.stdin.resume().on('end', () => store.close());
} catch (error) {
  const { name, code, message } = /** @type {import('@ganomede/events-protocol').EventsError} */ (error);
  process.stdout.write(`${JSON.stringify({ name, code, message })}\n`);
}
