// Everything that a measurement starts: each child ends with this process, however that ends, and so does the folder.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { root } from '../../scripts/workspace.mjs';

/** @typedef {import('node:child_process').ChildProcess} ChildProcess */

/** @type {Set<ChildProcess>} */
const running = new Set();
/** @type {string | undefined} */
let folder;
let files = 0;

/** How long a child may take to end by itself before it is killed, milliseconds. */
const STOP_MS = 5_000;

/** A new folder on the disk of the repository (`/tmp` is often memory); removed at the end. */
export function temporaryFolder() {
  if (folder === undefined) {
    const parent = join(root, 'node_modules', '.ganomede-events');
    mkdirSync(parent, { recursive: true });
    folder = mkdtempSync(join(parent, 'bench-'));
    whenThisEnds('rm -rf "$0"', folder);
  }
  const name = join(folder, String(files++));
  mkdirSync(name);
  return name;
}

/** Removes a folder of `temporaryFolder`. @param {string} name */
export const removeFolder = (name) => rmSync(name, { recursive: true, force: true, maxRetries: 5 });

/** Runs a line of shell once this process has ended, even by SIGKILL: its end of the pipe closes then. */
function whenThisEnds(/** @type {string} */ line, /** @type {string} */ argument) {
  const shell = spawn('sh', ['-c', `cat > /dev/null; ${line} 2> /dev/null`, argument], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  shell.unref();
  /** @type {import('node:net').Socket} */ (shell.stdin).unref();
  return shell;
}

/**
 * @typedef {object} ChildOptions
 * @property {NodeJS.ProcessEnv} [env]  in addition to a bare environment
 * @property {string} [cwd]
 * @property {boolean} [ipc]
 *
 * @typedef {object} Child
 * @property {number} pid
 * @property {ChildProcess} process
 * @property {() => string} output  what it has written
 * @property {() => boolean} ended
 * @property {() => Promise<void>} stop
 */

/** Starts a process. @param {string} file @param {string[]} args @param {ChildOptions} [options] @returns {Child} */
export function start(file, args, { env = {}, cwd, ipc = false } = {}) {
  const log = join(temporaryFolder(), 'output');
  const output = openSync(log, 'w');
  const child = spawn(file, args, {
    cwd,
    // Nothing of the caller's settings reaches a server.
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    stdio: ipc ? ['ignore', output, output, 'ipc'] : ['ignore', output, output],
    detached: true, // a group of its own: nginx and clusters end as a whole, and Ctrl-C reaches only this process
  });
  closeSync(output);
  running.add(child);
  const shell = whenThisEnds('kill -9 "-$0"', String(child.pid));
  let ended = false;
  const end = () => {
    ended = true;
    running.delete(child);
    shell.kill('SIGKILL');
  };
  child.once('exit', end);
  child.once('error', end);
  return {
    pid: child.pid ?? 0,
    process: child,
    output: () => readFileSync(log, 'utf8'),
    ended: () => ended,
    stop: async () => {
      if (ended) return;
      const exit = once(child, 'exit');
      child.kill('SIGTERM');
      const timer = setTimeout(() => killGroup(child), STOP_MS);
      await exit;
      clearTimeout(timer);
      killGroup(child);
    },
  };
}

/** Whatever is left of it. @param {ChildProcess} child */
function killGroup(child) {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  } catch {
    // Nothing is left.
  }
}

/** Ends everything at once and removes the files. */
export function endEverything() {
  for (const child of running) killGroup(child);
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}

/** A port that nobody listens on, below the range from which outgoing connections get theirs. */
export async function freePort() {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    const server = createServer();
    try {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
      return port;
    } catch {
      // Somebody has it.
    } finally {
      server.close();
    }
  }
}

/** Resolves once a child listens. @param {Child} child @param {number} port @param {number} [withinMs] */
export async function listening(child, port, withinMs = 30_000) {
  const deadline = performance.now() + withinMs;
  while (!(await answers(port))) {
    if (child.ended()) throw new Error(`${child.process.spawnfile} has ended:\n${child.output()}`);
    if (performance.now() > deadline) {
      throw new Error(`${child.process.spawnfile} does not listen on ${port}:\n${child.output()}`);
    }
    await sleep(20);
  }
}

/** @param {number} port @returns {Promise<boolean>} */
function answers(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
