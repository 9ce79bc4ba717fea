import { cpSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { openLmdbStore } from '@ganomede/events-store-lmdb';
import { describe, expect, it, onTestFinished } from 'vitest';
import { newDirectory } from './directories.js';

const event = { from: 'test', type: 'add' };

async function openStore() {
  const dataDir = join(newDirectory(), 'data');
  const store = await openLmdbStore({ dataDir });
  onTestFinished(() => store.close());
  await store.append('a', [event]);
  return { dataDir, store };
}

// An open file cannot be deleted there.
describe.skipIf(process.platform === 'win32')('a store whose files are taken away', () => {
  it.each([
    ['the directory is deleted', '', 'events.mdb was deleted or moved'],
    ['the data file is deleted', 'events.mdb', 'events.mdb was deleted or moved'],
    ['the lock file is deleted', 'lock', 'lock was deleted or moved'],
  ])('refuses writes once %s', async (_what, name, message) => {
    const { dataDir, store } = await openStore();
    rmSync(join(dataDir, name), { recursive: true });
    const refused = { code: 'ServiceUnavailable', message: expect.stringContaining(join(dataDir, message)) };
    await expect(store.append('a', [event])).rejects.toMatchObject(refused);
    await expect(store.saveCursor('mailer', 'a', 1)).rejects.toMatchObject(refused);
    await expect(store.ping()).rejects.toMatchObject(refused);
    expect((await store.read({ channel: 'a', after: 0, limit: 10 })).lastId).toBe(1);
  });

  it('refuses writes once the directory is replaced by a copy', async () => {
    const { dataDir, store } = await openStore();
    const moved = `${dataDir}-moved`;
    renameSync(dataDir, moved);
    cpSync(moved, dataDir, { recursive: true });
    await expect(store.append('a', [event])).rejects.toThrow('was replaced');
  });

  it('goes on once they are back', async () => {
    const { dataDir, store } = await openStore();
    const moved = `${dataDir}-moved`;
    renameSync(dataDir, moved);
    await expect(store.append('a', [event])).rejects.toThrow('was deleted or moved');
    mkdirSync(dataDir);
    await expect(store.append('a', [event])).rejects.toThrow('was deleted or moved');
    rmSync(dataDir, { recursive: true });
    renameSync(moved, dataDir);
    await store.ping();
    expect(await store.append('a', [event])).toMatchObject([{ id: 2 }]);
  });

  it('acknowledges no append that was being stored when the data file was deleted', async () => {
    const { dataDir, store } = await openStore();
    const appended = store.append('a', [event]);
    // The commit begins in a later turn of the event loop, and is not over in the next.
    await new Promise((resolve) => setImmediate(resolve));
    rmSync(join(dataDir, 'events.mdb'));
    await expect(appended).rejects.toThrow('was deleted or moved');
  });
});
