// Chromium for the tests: the one on the PATH, or one that apt-get installs where it may.
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { run } from './run.mjs';
import { StepFailed, say } from './step.mjs';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/**
 * Sees to it that the tests find a Chromium or a Chrome. On Debian, as root, one is installed.
 *
 * @throws StepFailed where there is none; says what to install
 */
export async function ensureChromium() {
  if (await findChromium()) return;
  if (existsSync('/etc/debian_version') && process.getuid?.() === 0) await install();
  if (await findChromium()) return;
  throw new StepFailed('Looking for Chromium', {
    ok: false,
    code: 1,
    output: `The tests open pages in a browser and need one of ${NAMES.join(', ')} on the PATH. Install one:

  Debian           sudo apt-get install chromium
  Ubuntu           sudo snap install chromium
  Fedora           sudo dnf install chromium
  Alpine           apk add chromium
  macOS            brew install --cask chromium
  elsewhere        https://www.chromium.org/getting-involved/download-chromium/`,
  });
}

/**
 * The first browser on the PATH that tells its version: on some systems the name is a script that only says what to install.
 *
 * @returns {Promise<string | undefined>} its absolute path
 */
export async function findChromium() {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  for (const file of NAMES.flatMap((name) => folders.map((folder) => join(folder, name)))) {
    if (existsSync(file) && (await run([file, '--version'])).ok) return file;
  }
  return undefined;
}

/** Installs Debian's package. */
async function install() {
  say('Installing chromium with apt-get …');
  await aptGet('update');
  await aptGet('install', '--yes', '--no-install-recommends', 'chromium');
}

/** @param {string[]} args */
async function aptGet(...args) {
  const outcome = await run(['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', ...args]);
  if (!outcome.ok) throw new StepFailed(`apt-get ${args[0]}`, outcome);
}
