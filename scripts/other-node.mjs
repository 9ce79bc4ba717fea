// Another Node.js than the one that runs, as npm's package `node` brings it.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { alone } from './lock.mjs';
import { run } from './run.mjs';
import { StepFailed, say } from './step.mjs';
import { root } from './workspace.mjs';

/**
 * Node.js of a version, installed at the first use; a later use takes the same, even if npm has a newer one.
 *
 * @param {string} version  `24` or `16.20.2`
 * @returns {Promise<string>} the absolute path of its program
 * @throws StepFailed where npm cannot install it
 */
export async function otherNode(version) {
  const folder = join(root, 'node_modules', '.ganomede-events', `node-${version}`);
  const node = join(folder, 'node_modules', 'node', 'bin', 'node');
  if (await isOfVersion(node, version)) return node;
  await alone(async () => {
    if (await isOfVersion(node, version)) return; // by another process, meanwhile
    say(`Installing Node.js ${version} with npm …`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{ "private": true }');
    // Its script picks the binary for this machine.
    const options = ['--no-audit', '--no-fund', '--no-package-lock', '--ignore-scripts=false'];
    const outcome = await run(['npm', 'install', ...options, `node@${version}`], { cwd: folder });
    if (!(await isOfVersion(node, version)))
      throw new StepFailed(`Installing Node.js ${version} with npm`, outcome);
  });
  return node;
}

/** @param {string} node @param {string} version */
async function isOfVersion(node, version) {
  if (!existsSync(node)) return false;
  const { ok, output } = await run([node, '--version']);
  return ok && `${output.trim()}.`.startsWith(`v${version}.`);
}
