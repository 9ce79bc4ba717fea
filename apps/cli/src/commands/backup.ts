import { createWriteStream, existsSync } from 'node:fs';
import { readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import { ADDRESS_RULE, openStorage } from '../connection/open-storage.js';
import { Progress } from '../terminal/progress.js';
import { counted } from '../terminal/wording.js';
import type { Context, Runner } from './context.js';

interface BackupOptions {
  readonly from: string;
  readonly keyPrefix?: string;
  readonly yes?: boolean;
}

export function addBackup(program: Command, run: Runner): void {
  program
    .command('backup')
    .summary('write all that a store holds into a file')
    .description(
      'Writes all that a store holds into a file of JSON lines, with ids, times, cursors, groups and indices, and a hash at its end. ' +
        'The store is opened as a server does, without one: Redis may have servers meanwhile, a folder must not be in use.',
    )
    .argument('<file>', 'the file; it is there once it is whole')
    .requiredOption('--from <store>', ADDRESS_RULE)
    .option('--key-prefix <text>', 'of the keys in Redis, as REDIS_KEY_PREFIX of the server')
    .option('-y, --yes', 'replace a file that is there, without asking')
    .addHelpText('after', '\nExample:\n  $ ganomede-events backup events.backup --from .ganomede-events')
    .action(run(backup));
}

async function backup(
  { terminal, signal }: Context,
  file: string,
  { from, keyPrefix, yes = false }: BackupOptions,
): Promise<void> {
  if (existsSync(file)) await terminal.confirm(`${file} is there and will be replaced.`, yes);
  const { exportStore } = await import('@ganomede/events-store');
  const storage = await openStorage(from, {
    keyPrefix,
    mayCreate: false,
    onWarning: (text) => terminal.warn(text),
  });
  await removeLeftovers(file);
  // So that a file of this name is always whole.
  const partial = `${file}.${process.pid}.partial`;
  let progress: Progress | undefined;
  let events = 0;
  let channels = 0;
  try {
    const pieces = exportStore(storage, {
      signal,
      onProgress: (now) => {
        progress ??= new Progress(terminal.stderr, 'Backing up', now.totalEvents);
        ({ events, channels } = now);
        progress.show(events);
      },
    });
    // Events hold what not everybody is to read.
    const stream = createWriteStream(partial, { mode: 0o600, flush: true });
    await pipeline(Readable.from(pieces), stream, { signal });
    await rename(partial, file);
  } finally {
    progress?.end();
    await rm(partial, { force: true });
    await storage.close();
  }
  await terminal.result(
    { file, channels, events },
    `${counted(events, 'event')} of ${counted(channels, 'channel')} are in ${file}.`,
  );
}

/** Removes what backups to this file have written that were killed. */
async function removeLeftovers(file: string): Promise<void> {
  const name = basename(file);
  for (const found of await readdir(dirname(file))) {
    const [, pid] = found.startsWith(name) ? (/^\.(\d+)\.partial$/.exec(found.slice(name.length)) ?? []) : [];
    if (pid !== undefined && !isRunning(Number(pid))) await rm(join(dirname(file), found), { force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // One of somebody else runs.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
