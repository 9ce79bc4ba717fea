#!/usr/bin/env node
// The whole shop: a server with an embedded store, and the services, each a process. One that dies is started again, as a
// platform does it. Ctrl-C ends all of them.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const here = (/** @type {string} */ file) => fileURLToPath(new URL(file, import.meta.url));
const AGAIN_MS = 500;

const { API_SECRET = randomBytes(16).toString('hex'), PORT = '8000' } = process.env;
const dataDir = process.env.DATA_DIR ?? mkdtempSync(join(tmpdir(), 'shop-'));
const env = {
  ...process.env,
  ...{ API_SECRET, PORT, DATA_DIR: dataDir, LOG_LEVEL: 'warn', HOST: '127.0.0.1' },
  EVENTS_URL: `http://127.0.0.1:${PORT}`,
};

/** @type {Map<string, import('node:child_process').ChildProcess>} */
const running = new Map();
let isStopping = false;
/** The server was ready once: from then on it is started again. */
let isServing = false;

for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) process.on(signal, () => stop(0));
// Whoever reads the output is gone: what is written then fails.
process.stdout.on('error', () => stop(1));
// Whatever ends this process ends those it has started.
process.on('exit', () => {
  for (const child of running.values()) child.kill('SIGKILL');
  if (dataDir !== process.env.DATA_DIR) rmSync(dataDir, { recursive: true, force: true, maxRetries: 3 });
});

/** Ends the services, then the server, then this process. @param {number} exitCode */
function stop(exitCode) {
  if (isStopping) return;
  isStopping = true;
  process.exitCode = exitCode;
  for (const [name, child] of running) if (name !== 'server') child.kill('SIGTERM');
  // The services say last what they have done.
  const last = setInterval(() => {
    const server = running.get('server');
    if (running.size > (server ? 1 : 0)) return;
    clearInterval(last);
    server?.kill('SIGTERM');
  }, 20);
}

/** @param {string} message */
function giveUp(message) {
  console.error(message);
  stop(1);
}

/** @param {string} name @param {string} file */
function run(name, file) {
  const child = spawn(process.execPath, [here(file)], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  running.set(name, child);
  console.log(`${name}: started as process ${child.pid}`);
  for (const output of [child.stdout, child.stderr]) {
    createInterface({ input: output }).on('line', (line) => console.log(`${name}: ${line}`));
  }
  child.once('close', (code, signal) => {
    running.delete(name);
    if (isStopping) return;
    if (!isServing) {
      giveUp(`The server has ended before it was ready. Is port ${PORT} taken? PORT=9000 takes another.`);
      return;
    }
    console.log(`${name}: ended (${signal ?? code}), started again`);
    setTimeout(() => !isStopping && run(name, file), AGAIN_MS);
  });
}

/** What a request with our secret is answered; undefined: nothing yet. */
async function statusOfServer() {
  const headers = { Authorization: `Bearer ${API_SECRET}` };
  const signal = AbortSignal.timeout(1_000);
  return fetch(`${env.EVENTS_URL}/events/v1/channels?limit=1`, { headers, signal }).then(
    ({ status }) => status,
    () => undefined,
  );
}

/** Whether the server is there, and ours. */
async function serverIsReady() {
  while (!isStopping) {
    const status = await statusOfServer();
    if (status === 200) return !isStopping;
    // While its store opens it says 503.
    if (status !== undefined && status !== 503) {
      giveUp(`What answers on port ${PORT} is not our server (${status}). PORT=9000 takes another port.`);
    }
    await sleep(50);
  }
  return false;
}

run('server', '../../apps/server/dist/bin.js');
if (await serverIsReady()) {
  isServing = true;
  for (const name of ['mailer-1', 'mailer-2']) run(name, 'mailer.mjs');
  run('billing', 'billing.mjs');
  run('analytics', 'analytics.mjs');
  run('orders', 'orders.mjs');
  console.log(`API_SECRET=${API_SECRET} EVENTS_URL=${env.EVENTS_URL}`);
}
