// Publishing the packages: those whose version is not on the registry yet, each after the ones that it depends on.
import { pnpm } from './pnpm.mjs';
import { run } from './run.mjs';
import { StepFailed, say } from './step.mjs';
import { publishedPackages } from './workspace.mjs';

/**
 * Publishes what is built to the registry that npm is set up for. Broken off in the middle it can be called again: what is
 * published is passed over, and nothing is ever published before what it needs. Rejects with a `StepFailed`.
 *
 * @param {{ dryRun?: boolean }} [options]  `dryRun`: everything but the upload
 */
export async function publishPackages({ dryRun = false } = {}) {
  say(`Publishing what is not on the registry yet of: ${publishedPackages().map(label).join(', ')} …`);
  const outcome = await run(
    pnpm(
      '--recursive',
      'publish', // in the order of dependencies, and only versions that the registry does not have
      '--no-git-checks', // of which release.mjs makes its own
      ...(dryRun ? ['--dry-run'] : []),
    ),
    // Only there can npm prove where the packages were built.
    { env: process.env.ACTIONS_ID_TOKEN_REQUEST_URL === undefined ? {} : { NPM_CONFIG_PROVENANCE: 'true' } },
  );
  if (!outcome.ok) throw new StepFailed('Publishing', outcome);
  say(outcome.output.trimEnd());
}

/** @param {import('./workspace.mjs').Package} pkg */
const label = ({ name, manifest }) => `${name}@${manifest.version}`;
