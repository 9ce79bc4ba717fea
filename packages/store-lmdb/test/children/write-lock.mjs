// Holds the lock that whoever writes an LMDB file takes, so that commits of others do not end, until something is written to it.
import { readSync, writeSync } from 'node:fs';
import { open } from 'lmdb';

const [path = ''] = process.argv.slice(2);
const database = open({ path, noSubdir: true, overlappingSync: false, encoding: 'binary' });
database.transactionSync(() => {
  writeSync(1, 'held\n');
  readSync(0, Buffer.alloc(1));
});
await database.close();
