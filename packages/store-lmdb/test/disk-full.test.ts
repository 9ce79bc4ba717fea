import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { openLmdbStore } from '@ganomede/events-store-lmdb';
import { Process } from '@ganomede/events-testing';
import { describe, expect, it } from 'vitest';
import { newDirectory } from './directories.js';

/** 2,000 or 4,000 KiB, as the shell counts: the kernel then cuts writes short, as on a full disk. */
const LIMIT = 'ulimit -S -f 4000';
const canLift = spawnSync('prlimit', ['--version']).status === 0;

describe.skipIf(process.platform === 'win32')('a store on a full disk', () => {
  it('rejects writes, keeps what it has, and goes on once there is room', { timeout: 60_000 }, async () => {
    const dataDir = newDirectory();
    const filler = fileURLToPath(new URL('children/filler.mjs', import.meta.url));
    const limited = ['-c', `${LIMIT}; exec "$@"`, 'sh', process.execPath, filler, dataDir];
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

    const store = await openLmdbStore({ dataDir });
    let after = 0;
    while (after < stored) {
      const { events } = await store.read({ channel: 'full', after, limit: 1_000 });
      for (const { id, data } of events) {
        expect(id).toBe(++after);
        expect(data).toEqual({ padding: 'x'.repeat(20_000) });
      }
    }
    expect(await store.loadCursor('reader', 'full')).toBe(7);
    expect(await store.append('full', [{ from: 'test', type: 'add' }])).toMatchObject([{ id: stored + 1 }]);
    await store.close();
  });
});
