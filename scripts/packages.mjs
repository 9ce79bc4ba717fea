// Builds the packages that have changed, with wireit; what each build reads and writes is in its package.json.
import { join } from 'node:path';
import { run } from './run.mjs';
import { StepFailed, say } from './step.mjs';
import { root } from './workspace.mjs';

/** A build that takes longer is announced, milliseconds. */
const ANNOUNCED_MS = 700;

/**
 * @param {'packages' | 'packages:start'} script  of the root's package.json: all packages, or what `npm start` needs
 * @returns {Promise<void>} rejects with a `StepFailed`
 */
export async function buildPackages(script) {
  const timer = setTimeout(() => say('Building what has changed …'), ANNOUNCED_MS);
  const outcome = await run([process.execPath, join(root, 'node_modules', 'wireit', 'bin', 'wireit.js')], {
    env: {
      // As `node --run` does; npm would take longer to start than all the rest.
      NODE_RUN_SCRIPT_NAME: script,
      NODE_RUN_PACKAGE_JSON_PATH: join(root, 'package.json'),
      // It only has to know what is up to date; copies of earlier builds would pile up.
      WIREIT_CACHE: 'none',
      WIREIT_LOGGER: 'quiet-ci',
    },
  });
  clearTimeout(timer);
  if (!outcome.ok) throw new StepFailed('Building the packages', outcome);
}
