// Running one command: quietly, or on this terminal.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';
import { root } from './workspace.mjs';

/**
 * @typedef {object} RunOptions
 * @property {string} [cwd]             default: the root of the repository
 * @property {'quiet' | 'inherit'} [output]  `quiet` (default) collects what the command writes
 *
 * @typedef {{ ok: boolean, code: number, output: string }} Outcome
 */

/** Signals that end a step; its command gets them too, also where they were sent to this process alone. */
const ENDING = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);

/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();
/** @type {NodeJS.Signals | undefined} */
let endedBy;

/** @param {NodeJS.Signals} signal */
function forward(signal) {
  endedBy = signal;
  for (const child of running) child.kill(signal);
}

/**
 * Runs a command of the workspace, with node_modules/.bin on the PATH, and resolves when it has ended.
 * A signal to this process ends the command first and then this process, with the signal's exit code.
 *
 * @param {readonly string[]} command
 * @param {RunOptions} [options]
 * @returns {Promise<Outcome>}
 */
export function run(command, { cwd = root, output = 'quiet' } = {}) {
  const [file = '', ...args] = command;
  return spawned(() =>
    spawn(file, args, {
      cwd,
      env: toolEnvironment(),
      stdio: ['ignore', ...outputs(output)],
      // On Windows, npx and what is in node_modules/.bin are command files, which need a shell.
      shell: process.platform === 'win32',
    }),
  );
}

/**
 * Runs a script of a package.json, as npm would, but without starting npm for it.
 *
 * @param {string} script
 * @param {RunOptions} [options]
 */
export function runScript(script, { cwd = root, output = 'quiet' } = {}) {
  return spawned(() =>
    spawn(script, { cwd, env: toolEnvironment(), stdio: ['ignore', ...outputs(output)], shell: true }),
  );
}

/** @returns {('pipe' | 'inherit')[]} */
const outputs = (/** @type {'quiet' | 'inherit'} */ output) =>
  output === 'quiet' ? ['pipe', 'pipe'] : ['inherit', 'inherit'];

/**
 * @param {() => import('node:child_process').ChildProcess} start
 * @returns {Promise<Outcome>}
 */
async function spawned(start) {
  if (running.size === 0) for (const signal of ENDING) process.on(signal, forward);
  const child = start();
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
  return { ...env, [path]: [bin, env[path]].join(process.platform === 'win32' ? ';' : ':') };
}
