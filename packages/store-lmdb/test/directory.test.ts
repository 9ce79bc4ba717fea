import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { openLmdbStore } from '@ganomede/events-store-lmdb';
import { Process } from '@ganomede/events-testing';
import { open } from 'lmdb';
import { describe, expect, it } from 'vitest';
import { newDirectory } from './directories.js';

const event = { from: 'test', type: 'add' };
const ALL = 1_000;

/** What opening a directory that cannot be opened rejects with. */
async function problem(dataDir: string): Promise<string> {
  const error = await openLmdbStore({ dataDir }).then(
    async (store) => {
      await store.close();
      throw new Error('It was opened');
    },
    (reason: unknown) => reason as Error,
  );
  expect(error).toMatchObject({ name: 'EventsError', code: 'ServiceUnavailable' });
  expect(error.message).toContain(dataDir);
  return error.message;
}

describe('the directory of a store', () => {
  it('is created where it does not exist', async () => {
    const dataDir = join(newDirectory(), 'a', 'b.c');
    const store = await openLmdbStore({ dataDir });
    await store.append('a', [event]);
    await store.close();
    expect(existsSync(join(dataDir, 'events.mdb'))).toBe(true);
  });

  it('keeps ids, events and cursors for the next start', async () => {
    const dataDir = newDirectory();
    for (let start = 0; start < 3; start++) {
      const store = await openLmdbStore({ dataDir });
      const headers = await store.append('users/v1', [event, event]);
      expect(headers.map(({ id }) => id)).toEqual([2 * start + 1, 2 * start + 2]);
      expect(await store.append(`new/${start}`, [event])).toMatchObject([{ id: 1 }]);
      expect(await store.loadCursor('mailer', 'users/v1')).toMatchObject({ after: start });
      await store.saveCursor('mailer', 'users/v1', start + 1);
      expect(await store.read({ channel: 'users/v1:add', after: 0, limit: ALL })).toMatchObject({
        count: 2 * start + 2,
        lastId: 2 * start + 2,
      });
      await store.close();
    }
  });

  it('belongs to one store of a process at a time', async () => {
    const dataDir = newDirectory();
    const first = await openLmdbStore({ dataDir });
    expect(await problem(dataDir)).toContain('another server is using it');
    await first.append('a', [event]);
    await first.close();
    const second = await openLmdbStore({ dataDir });
    expect(await second.append('a', [event])).toMatchObject([{ id: 2 }]);
    await second.close();
  });

  it('belongs to one process at a time, and is free when that has been killed', async () => {
    const dataDir = newDirectory();
    const child = Process.node(new URL('children/opener.mjs', import.meta.url), [dataDir], {
      keepInputOpen: true,
    });
    expect(await child.line(0)).toBe('opened');
    expect(await problem(dataDir)).toContain('another server is using it');
    await child.stop('SIGKILL');

    const store = await openLmdbStore({ dataDir });
    const refused = Process.node(new URL('children/opener.mjs', import.meta.url), [dataDir], {
      keepInputOpen: true,
    });
    expect(JSON.parse(await refused.line(0))).toEqual({
      name: 'EventsError',
      code: 'ServiceUnavailable',
      message: `Cannot open the event store in ${dataDir}: another server is using it; stop that one, or choose another directory`,
    });
    await refused.exited();
    await store.close();
  });

  it('cannot be a file, nor lie under one', async () => {
    const file = join(newDirectory(), 'file');
    writeFileSync(file, '');
    expect(await problem(file)).toContain('the directory cannot be created');
    expect(await problem(join(file, 'below'))).toContain('the directory cannot be created');
  });

  // Nothing is forbidden to root.
  it.skipIf(process.platform === 'win32' || process.getuid?.() === 0)('must be writable', async () => {
    const dataDir = newDirectory();
    chmodSync(dataDir, 0o500);
    expect(await problem(dataDir)).toContain('its lock file cannot be created and locked: EACCES');
  });

  it.each([
    ['text', (path: string) => writeFileSync(path, 'no database\n'.repeat(1_000))],
    ['a few bytes', (path: string) => writeFileSync(path, 'no')],
    ['zeros', (path: string) => writeFileSync(path, Buffer.alloc(100_000))],
    ['a directory', (path: string) => mkdirSync(path)],
  ])('is refused where its data file is %s', async (_what, spoil) => {
    const dataDir = newDirectory();
    spoil(join(dataDir, 'events.mdb'));
    expect(await problem(dataDir)).toContain('events.mdb');
    // The lock is free again.
    expect(await problem(dataDir)).not.toContain('another server');
  });

  it('is refused where its data file was cut short', async () => {
    const dataDir = newDirectory();
    const store = await openLmdbStore({ dataDir });
    for (let i = 0; i < 10; i++) {
      await store.append('a', [{ ...event, data: { padding: 'x'.repeat(200_000) } }]);
    }
    await store.close();
    const file = join(dataDir, 'events.mdb');
    truncateSync(file, statSync(file).size / 2);
    expect(await problem(dataDir)).toContain('events.mdb is cut short');
  });

  it('is refused where its data file is the database of another program, or of another version', async () => {
    const dataDir = newDirectory();
    const path = join(dataDir, 'events.mdb');
    const foreign = open({ path, noSubdir: true, overlappingSync: false, encoding: 'binary' });
    foreign.putSync('something', Buffer.from('else'));
    expect(await foreign.close().then(() => problem(dataDir))).toContain('a database of another program');

    const later = open({ path, noSubdir: true, overlappingSync: false, encoding: 'binary' });
    later.putSync(['format'], Buffer.from('5'));
    expect(await later.close().then(() => problem(dataDir))).toContain('format 5, expected format 4');
  });

  it('can be copied as a file while nothing is open', async () => {
    const [dataDir, copy] = [newDirectory(), newDirectory()];
    const store = await openLmdbStore({ dataDir });
    await store.append('a', [event]);
    await store.close();
    copyFileSync(join(dataDir, 'events.mdb'), join(copy, 'events.mdb'));
    const restored = await openLmdbStore({ dataDir: copy });
    expect(await restored.append('a', [event])).toMatchObject([{ id: 2 }]);
    await restored.close();
  });
});
