// Redis for the tests: the one on the PATH, or one that apt-get installs where it may.
import { existsSync } from 'node:fs';
import { run } from './run.mjs';
import { StepFailed, say } from './step.mjs';

/** The oldest version that has sharded pub/sub. Every Valkey has it. */
const OLDEST_MAJOR = 7;

/**
 * Sees to it that the tests find a server: `redis-server` 7 or newer, or `valkey-server`. On Debian, as root, one
 * is installed.
 *
 * @throws StepFailed where there is none; says what to install
 */
export async function ensureRedis() {
  if (await hasServer()) return;
  if (existsSync('/etc/debian_version') && process.getuid?.() === 0) await install();
  if (await hasServer()) return;
  throw new StepFailed('Looking for Redis', {
    ok: false,
    code: 1,
    output: `The tests start Redis servers of their own and need redis-server ${OLDEST_MAJOR} or newer, or valkey-server, on the PATH. Install one:

  Debian, Ubuntu   sudo apt-get install redis-server
  Fedora           sudo dnf install valkey
  Alpine           apk add valkey
  macOS            brew install redis
  elsewhere        https://redis.io/docs/latest/operate/oss_and_stack/install/`,
  });
}

async function hasServer() {
  for (const name of ['redis-server', 'valkey-server']) {
    const { ok, output } = await run([name, '--version']);
    const major = Number(/v=(\d+)/.exec(output)?.[1]);
    if (ok && major >= OLDEST_MAJOR) return true;
    if (ok) say(`${name} on the PATH has version ${major}; the tests need ${OLDEST_MAJOR} or newer.`);
  }
  return false;
}

/** Installs Debian's package, and stops the server that it may have started: the tests start their own. */
async function install() {
  say('Installing redis-server with apt-get …');
  await aptGet('update');
  await aptGet('install', '--yes', '--no-install-recommends', 'redis-server');
  await run('service redis-server stop');
}

/** @param {string[]} args */
async function aptGet(...args) {
  const outcome = await run(['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', ...args]);
  if (!outcome.ok) throw new StepFailed(`apt-get ${args[0]}`, outcome);
}
