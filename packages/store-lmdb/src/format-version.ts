import type { Change, Entry } from './change.js';
import { encodeCursor } from './cursors.js';
import type { Database } from './database.js';
import { cursorKey, expiryKey, FORMAT, idempotencyKey, type Key } from './keys.js';
import { cannotOpen } from './storage-error.js';

/** The version of the layout in keys.ts. */
const VERSION = '4';

/**
 * Makes sure that a database has the layout of keys.ts: a new one is given its version, one of format 2 or 3 is brought over in
 * one transaction. What had no checksum stays as it is.
 *
 * @throws EventsError `ServiceUnavailable` (as a rejection) if it has another format, is a database of another program, or
 * cannot be written
 */
export async function bringToFormat(database: Database, dataDir: string): Promise<void> {
  const found = database.get(FORMAT)?.toString();
  if (found === VERSION) return;
  const version = { key: FORMAT, value: Buffer.from(VERSION) };
  if (found === '2' || found === '3') {
    try {
      const changes = found === '2' ? changesFromFormat2(database) : [];
      await database.commit([...changes, version], { fromReserve: false });
    } catch (cause) {
      throw cannotOpen(
        dataDir,
        `its events have format ${found} and cannot be brought to format ${VERSION}`,
        cause,
      );
    }
    return;
  }
  assertKnownFormat(database, dataDir);
  try {
    database.putFirst(version, dataDir);
  } catch (cause) {
    throw cannotOpen(dataDir, 'events.mdb cannot be written', cause);
  }
}

/** @throws EventsError `ServiceUnavailable` if it has a format that cannot be brought over, or is a database of another program */
export function assertKnownFormat(database: Database, dataDir: string): void {
  const found = database.get(FORMAT)?.toString();
  if (found === VERSION || found === '2' || found === '3') return;
  if (found !== undefined) {
    throw cannotOpen(dataDir, `its events have format ${found}, expected format ${VERSION}`);
  }
  if (!database.isEmpty) throw cannotOpen(dataDir, 'events.mdb is a database of another program');
}

/** Characters of a hash that are kept since format 3. */
const HASH_LENGTH = 22;

/**
 * What has to be written so that a database of format 2 has format 3 at least. There a cursor lay at its client id before the
 * channel name, without the time when it was saved, and the hashes of idempotency records were 43 characters long.
 */
function changesFromFormat2(database: Database): Change[] {
  const removed: Change[] = [];
  const written: Change[] = [];
  const replace = (key: Key, by: Entry) => {
    removed.push({ key, value: undefined });
    written.push(by);
  };
  for (const { key, value } of database.range(['p'], ['q'])) {
    const [, clientId, name] = key.map(String);
    const cursor = { after: Number(value), savedAt: undefined, epoch: undefined };
    const newKey = cursorKey(name ?? '', clientId ?? '');
    replace(key, { key: newKey, value: encodeCursor(newKey, cursor) });
  }
  for (const { key, value } of database.range(['o'], ['p'])) {
    const [expires, firstId, timestamp, fingerprint = ''] = value.toString('latin1').split(' ');
    replace(key, {
      key: idempotencyKey(String(key[1]).slice(0, HASH_LENGTH)),
      value: Buffer.from(`${expires} ${firstId} ${timestamp} ${fingerprint.slice(0, HASH_LENGTH)}`),
    });
  }
  for (const { key, value } of database.range(['x'], ['y'])) {
    const [, expires, scope] = key;
    replace(key, { key: expiryKey('x', Number(expires), String(scope).slice(0, HASH_LENGTH)), value });
  }
  // A cursor may get the key that another one had.
  return [...removed, ...written];
}
