// npm run release [-- --dry-run]: tests, gives versions by the changesets, builds, publishes, and tags.
import { parseArgs } from 'node:util';
import { prepare } from './prepare.mjs';
import { publishPackages } from './publish.mjs';
import { run } from './run.mjs';
import { report, StepFailed, say } from './step.mjs';

const { values } = parseArgs({
  options: {
    'dry-run': { type: 'boolean', default: false },
    // For who has run `npm test` on this commit already.
    tested: { type: 'boolean', default: false },
  },
});

try {
  await release(values['dry-run'], values.tested);
} catch (error) {
  report(error);
  process.exitCode = 1;
}

/** @param {boolean} dryRun @param {boolean} tested */
async function release(dryRun, tested) {
  await checkTree('Expected a clean working tree, so that what is published can be built again; changed are');
  if (!tested) await step('The tests', ['node', 'scripts/test.mjs'], 'inherit');
  // Without a changeset the versions stay; what they are is published, unless it has been.
  if (!dryRun) await version();
  await prepare();
  await publishPackages({ dryRun });
  if (dryRun) return say('Nothing was published, and no version was changed.');
  say((await step('Tagging', ['changeset', 'tag'])).trimEnd());
  say('Released. What is left: git push --follow-tags');
}

/** Moves versions and changelogs on as the changesets say, and commits that. */
async function version() {
  await step('Giving versions', ['changeset', 'version']);
  if ((await changes()) === '') return;
  await step('Committing', 'git add --all && git commit --message "Give the versions of a release"');
}

/** @param {string} problem */
async function checkTree(problem) {
  const changed = await changes();
  if (changed !== '')
    throw new StepFailed('Releasing', { ok: false, code: 1, output: `${problem}\n${changed}` });
}

const changes = async () => (await step('Looking at the tree', ['git', 'status', '--porcelain'])).trimEnd();

/**
 * Resolves with what it wrote.
 *
 * @param {string} name @param {string | readonly string[]} command @param {'quiet' | 'inherit'} [output]
 */
async function step(name, command, output = 'quiet') {
  const outcome = await run(command, { output });
  if (!outcome.ok) throw new StepFailed(name, outcome);
  return outcome.output;
}
