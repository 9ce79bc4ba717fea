// Keeps two commands in one clone from installing or building at the same time: pnpm and tsup do not.
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { say } from './step.mjs';
import { root } from './workspace.mjs';

const folder = join(root, 'node_modules', '.ganomede-events');
const lockFile = join(folder, 'lock');

/** Runs work while no other process of this clone does. @template T @param {() => Promise<T>} work */
export async function alone(work) {
  for (let told = false; !acquire(); told = true) {
    if (!told) say(`Waiting for another command in this folder to finish preparing (${lockFile}) …`);
    await sleep(200);
  }
  process.on('exit', release);
  try {
    return await work();
  } finally {
    process.off('exit', release);
    release();
  }
}

const release = () => rmSync(lockFile, { force: true });

function acquire() {
  mkdirSync(folder, { recursive: true });
  try {
    writeFileSync(lockFile, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error;
  }
  dropIfOwnerIsGone();
  return false;
}

/** A process that was killed leaves its lock behind. */
function dropIfOwnerIsGone() {
  try {
    const owner = readFileSync(lockFile, 'utf8');
    if (owner === '' ? Date.now() - statSync(lockFile).mtimeMs < WRITTEN_MS : isOther(Number(owner))) return;
    const aside = `${lockFile}.${process.pid}`;
    renameSync(lockFile, aside);
    if (readFileSync(aside, 'utf8') === owner) rmSync(aside);
    else renameSync(aside, lockFile); // meanwhile another process has dropped the old lock and taken a new one
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'ENOENT') throw error;
  }
}

/** How long a lock may be without its owner's id: it is written at once, milliseconds. */
const WRITTEN_MS = 2_000;

/** Whether another process runs. One that was killed may have had this one's id: in a container ids come again. */
function isOther(/** @type {number} */ pid) {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM';
  }
}
