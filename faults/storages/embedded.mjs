// One server on the embedded store, on a small disk of its own if this machine lets us mount one.
import { cpSync, rmSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SmallDisk, TemporaryFolder } from '@ganomede/events-testing';
import { now } from '../fault.mjs';
import { Service } from '../service.mjs';

/** @typedef {{ service: Service, folder: string, disk: SmallDisk | string }} Stage */

const MIB = 1024 * 1024;
const DISK_BYTES = 256 * MIB;
const RESERVE_BYTES = 8 * MIB;

/** @param {import('../owner.mjs').Owner} owner @returns {Promise<Stage>} */
export async function open(owner) {
  const disk = SmallDisk.mount(DISK_BYTES);
  const { path } = owner.owns(typeof disk === 'string' ? new TemporaryFolder() : disk);
  const folder = join(path, 'data');
  const settings = {
    EVENTS_STORE: 'embedded',
    DATA_DIR: folder,
    DISK_RESERVE_BYTES: String(RESERVE_BYTES),
  };
  return { service: owner.owns(await Service.start([settings])), folder, disk };
}

/** @type {Record<string, import('../fault.mjs').Fault<Stage>>} */
export const FAULTS = {
  'restore the folder from a copy': {
    lane: 'servers',
    forMs: [0, 2_000],
    rewinds: true,
    async run({ service, folder }, { pick, forMs, doubt }) {
      const [server] = service.servers;
      const backup = new TemporaryFolder();
      try {
        const copy = join(backup.path, 'copy');
        const from = now();
        await server?.stop('SIGTERM');
        cpSync(folder, copy, { recursive: true });
        await server?.start();
        await sleep(forMs);
        await server?.stop(pick % 2 === 0 ? 'SIGTERM' : 'SIGKILL');
        rmSync(folder, { recursive: true });
        cpSync(copy, folder, { recursive: true });
        doubt(from, true);
        await server?.start();
      } finally {
        backup.remove();
      }
    },
  },
  'start without the folder': {
    lane: 'servers',
    forMs: [0, 0],
    rewinds: true,
    async run({ service, folder }, { doubt }) {
      const [server] = service.servers;
      await server?.stop('SIGKILL');
      rmSync(folder, { recursive: true });
      doubt(0, true);
      await server?.start();
    },
  },
  'fill the disk': {
    lane: 'servers',
    forMs: [500, 3_000],
    async run({ disk }, { forMs }) {
      if (typeof disk === 'string') return;
      const { bavail, bsize } = await statfs(disk.path);
      disk.fill(bavail * bsize - RESERVE_BYTES / 2);
      await sleep(forMs);
      disk.free();
    },
  },
};
