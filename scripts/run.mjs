// Running one command: quietly, or on this terminal.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';
import { root } from './workspace.mjs';

/**
 * @typedef {object} RunOptions
 * @property {string} [cwd]             default: the root of the repository
 * @property {Record<string, string>} [env]  in addition to `toolEnvironment`
 * @property {'quiet' | 'inherit'} [output]  `quiet` (default) collects what the command writes
 *
 * @typedef {{ ok: boolean, code: number, output: string }} Outcome
 */

/** Signals that end a step; its command, and whatever that has started, gets them too. */
const ENDING = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);

const onWindows = process.platform === 'win32';

/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();
/** @type {NodeJS.Signals | undefined} */
let endedBy;

/** @param {NodeJS.Signals} signal */
function forward(signal) {
  endedBy = signal;
  for (const child of running) {
    try {
      if (onWindows || child.pid === undefined) child.kill(signal);
      else process.kill(-child.pid, signal); // the whole group: npx and shells do not pass signals on
    } catch {
      // It has just ended by itself.
    }
  }
}

/**
 * Runs a command of the workspace, with node_modules/.bin on the PATH, and resolves when it has ended.
 * A signal to this process ends the command first and then this process, with the signal's exit code.
 *
 * @param {string | readonly string[]} command  a script for the shell, or a program and its arguments
 * @param {RunOptions} [options]
 * @returns {Promise<Outcome>}
 */
export async function run(command, { cwd = root, env = {}, output = 'quiet' } = {}) {
  if (running.size === 0) for (const signal of ENDING) process.on(signal, forward);
  const stream = output === 'quiet' ? 'pipe' : 'inherit';
  const [file = '', ...args] = typeof command === 'string' ? [command] : command;
  const child = spawn(file, args, {
    cwd,
    env: { ...toolEnvironment(), ...env },
    stdio: ['ignore', stream, stream],
    // On Windows, npx and what is in node_modules/.bin are command files, which need a shell.
    shell: onWindows || typeof command === 'string',
    detached: !onWindows, // a process group of its own
  });
  running.add(child);
  /** @type {Buffer[]} */
  const chunks = [];
  child.stdout?.on('data', (chunk) => chunks.push(chunk));
  child.stderr?.on('data', (chunk) => chunks.push(chunk));

  const code = await new Promise((resolve) => {
    child.on('error', (error) => {
      chunks.push(Buffer.from(`${error.message}\n`));
      resolve(127);
    });
    child.on('close', (exitCode, signal) =>
      resolve(exitCode ?? 128 + constants.signals[signal ?? 'SIGKILL']),
    );
  });

  running.delete(child);
  if (running.size === 0) for (const signal of ENDING) process.off(signal, forward);
  if (endedBy !== undefined) {
    if (running.size > 0) return new Promise(() => {}); // the last one to end exits
    process.exit(128 + constants.signals[endedBy]);
  }
  return { ok: code === 0, code, output: Buffer.concat(chunks).toString() };
}

/** What npm tells the scripts that it runs, and what would change how other tools install and build. */
const NOT_FOR_TOOLS =
  /^(npm_(lifecycle|package)_|npm_(command|execpath|node_execpath)$|npm_config_(omit|include|only|production|dev|optional|dry_run|global|local_prefix|prefix|workspaces?|include_workspace_root|loglevel|silent|package|call|user_agent|frozen_lockfile)$|(node_env|init_cwd)$)/i;

/**
 * The environment for npm, pnpm and build tools: proxies, registries and caches stay, and they behave alike
 * whether npm started this script or a person did, and whatever NODE_ENV the server is to have.
 *
 * @returns {NodeJS.ProcessEnv}
 */
export function toolEnvironment() {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !NOT_FOR_TOOLS.test(name)));
  const path = Object.keys(env).find((name) => name.toUpperCase() === 'PATH') ?? 'PATH';
  const bin = join(root, 'node_modules', '.bin');
  return { ...env, [path]: [bin, env[path]].join(onWindows ? ';' : ':') };
}
