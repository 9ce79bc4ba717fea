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

/** @param {string} name @param {string} file @param {string[]} args */
function run(name, file, ...args) {
  const child = spawn(process.execPath, [here(file), ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  running.set(name, child);
  console.log(`${name}: started as process ${child.pid}`);
  for (const output of [child.stdout, child.stderr]) {
    createInterface({ input: output }).on('line', (line) => console.log(`${name}: ${line}`));
  }
  child.once('close', (code, signal) => {
    running.delete(name);
    if (isStopping) {
      if (running.size === 0 && dataDir !== process.env.DATA_DIR) rmSync(dataDir, { recursive: true });
      return;
    }
    console.log(`${name}: ended (${signal ?? code}), started again`);
    setTimeout(() => !isStopping && run(name, file, ...args), AGAIN_MS);
  });
}

async function isReady() {
  return fetch(`${env.EVENTS_URL}/health/ready`).then(
    ({ ok }) => ok,
    () => false,
  );
}

run('server', '../../apps/server/dist/bin.js');
while (!(await isReady())) await sleep(50);
for (const name of ['mailer-1', 'mailer-2']) run(name, 'mailer.mjs', name);
run('billing', 'billing.mjs');
run('analytics', 'analytics.mjs');
run('orders', 'orders.mjs');
console.log(`API_SECRET=${API_SECRET} EVENTS_URL=${env.EVENTS_URL}`);

for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) {
  process.on(signal, () => {
    if (isStopping) return;
    isStopping = true;
    for (const [name, child] of running) if (name !== 'server') child.kill('SIGTERM');
    // The services say last what they have done.
    const last = setInterval(() => {
      const server = running.get('server');
      if (running.size > (server ? 1 : 0)) return;
      clearInterval(last);
      server?.kill('SIGTERM');
    }, 20);
  });
}
