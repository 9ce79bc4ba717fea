import { spawnSync } from 'node:child_process';
import { statfsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { openLmdbStore } from '@ganomede/events-store-lmdb';
import { Process, SmallDisk } from '@ganomede/events-testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { newDirectory } from './directories.js';

const filler = fileURLToPath(new URL('children/filler.mjs', import.meta.url));
const MIB = 1024 * 1024;

/** All that is in the channel is there as it was appended. */
async function expectStored(dataDir: string, stored: number): Promise<void> {
  const store = await openLmdbStore({ dataDir });
  let after = 0;
  while (after < stored) {
    const { events } = await store.read({ channel: 'full', after, limit: 1_000 });
    for (const { id, data } of events) {
      expect(id).toBe(++after);
      expect(data).toEqual({ padding: 'x'.repeat(20_000) });
    }
  }
  expect(await store.loadCursor('reader', 'full')).toMatchObject({ after: 7 });
  expect((await store.read({ channel: 'full', after, limit: 1 })).lastId).toBe(stored);
  await store.close();
}

/** 2,000 or 4,000 KiB, as the shell counts: the kernel then cuts writes short. */
const LIMIT = 'ulimit -S -f 4000';
const canLift = spawnSync('prlimit', ['--version']).status === 0;

describe.skipIf(process.platform === 'win32')('a store whose data file may not grow', () => {
  it('rejects writes, keeps what it has, and goes on once it may', { timeout: 60_000 }, async () => {
    const dataDir = newDirectory();
    const limited = ['-c', `${LIMIT}; exec "$@"`, 'sh', process.execPath, filler, dataDir, '0'];
    await using child = new Process('sh', limited, { keepInputOpen: true });
    const report = JSON.parse(await child.line(0));
    const { acknowledged } = report;
    expect(report.error).toMatchObject({ name: 'EventsError', code: 'ServiceUnavailable' });
    expect(report.error.message).toMatch(
      /^Cannot write 1 event\(s\) of channel "full" to .*: .*\(E[A-Z]+\), \d+ KiB free/,
    );
    expect(report.error.message).toContain(dataDir);
    // Reads go on, and no id was used up.
    expect(report).toMatchObject({ readable: 1, lastId: acknowledged.length });
    expect(acknowledged).toEqual(acknowledged.map((_: number, i: number) => i + 1));

    let stored = acknowledged.length;
    if (canLift) {
      const { status } = spawnSync('prlimit', ['--fsize=unlimited', '--pid', String(child.pid)]);
      expect(status).toBe(0);
      child.write('go on\n');
      expect(JSON.parse(await child.line(1))).toEqual({
        acknowledged: [...acknowledged, stored + 1, stored + 1, stored + 2],
      });
      stored += 2;
      expect(await child.exited()).toBe(0);
    } else {
      await child.stop('SIGKILL');
    }
    await expectStored(dataDir, stored);
  });
});

describe('a store on a full disk', () => {
  it('is not ready while appends are refused', async ({ skip }) => {
    const disk = SmallDisk.mount(24 * MIB);
    if (typeof disk === 'string') return skip(disk);
    onTestFinished(() => disk[Symbol.dispose]());
    const store = await openLmdbStore({ dataDir: disk.path, diskReserveBytes: 2 * MIB });
    onTestFinished(() => store.close());
    await store.ping();
    disk.fill(22 * MIB);
    const nearlyFull = { code: 'ServiceUnavailable', message: expect.stringContaining('nearly full') };
    await expect(store.append('a', [{ from: 'f', type: 't' }])).rejects.toMatchObject(nearlyFull);
    await expect(store.ping()).rejects.toMatchObject(nearlyFull);
    disk.free();
    await store.ping();
  });

  it.for([0, 2 * MIB])(
    'refuses appends in time with a reserve of %i bytes, and goes on once there is room',
    {
      timeout: 60_000,
    },
    async (reserve, { skip }) => {
      const disk = SmallDisk.mount(24 * MIB);
      if (typeof disk === 'string') return skip(disk);
      onTestFinished(() => disk[Symbol.dispose]());
      const { path: dataDir } = disk;
      disk.fill(6 * MIB);
      await using child = Process.node(filler, [dataDir, String(reserve)], { keepInputOpen: true });
      const report = JSON.parse(await child.line(0));
      const { acknowledged } = report;
      expect(report.error).toMatchObject({
        name: 'EventsError',
        code: 'ServiceUnavailable',
        message: expect.stringMatching(
          `^Cannot write 1 event\\(s\\) of channel "full" to ${dataDir}: its disk is nearly full, ${reserve / 1024} KiB of it are kept in reserve \\(DISK_RESERVE_BYTES\\), \\d+ KiB free on its disk$`,
        ),
      });
      const { bavail, bsize } = statfsSync(dataDir);
      expect(bavail * bsize).toBeGreaterThan(reserve);
      expect(report).toMatchObject({ readable: 1, lastId: acknowledged.length });

      disk.free();
      child.write('go on\n');
      const stored = acknowledged.length;
      expect(JSON.parse(await child.line(1))).toEqual({
        acknowledged: [...acknowledged, stored + 1, stored + 1, stored + 2],
      });
      expect(await child.exited()).toBe(0);
      expect(child.stderr).toBe('');
      await expectStored(dataDir, stored + 2);
    },
  );
});
