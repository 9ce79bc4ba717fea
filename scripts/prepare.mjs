// What every command needs first: dependencies installed, packages built.
import { installDependencies } from './install.mjs';
import { alone } from './lock.mjs';
import { buildPackages } from './packages.mjs';
import { say, seconds } from './step.mjs';

const MIN_NODE = 20;

/** Work that takes longer ends with a line that says so, milliseconds. */
const LONG_MS = 1_000;

/**
 * Installs and builds what is not up to date. Rejects with a `StepFailed` if that does not work.
 *
 * @param {{ only?: 'start' }} [options]  `start`: builds what `npm start` needs; default: everything
 */
export async function prepare({ only } = {}) {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < MIN_NODE) {
    say(`Expected Node.js ${MIN_NODE} or newer, got ${process.version}. See https://nodejs.org/en/download`);
    process.exit(1);
  }
  const start = performance.now();
  await alone(async () => {
    await installDependencies();
    await buildPackages(only === 'start' ? 'packages:start' : 'packages');
  });
  if (performance.now() - start > LONG_MS) say(`Ready after ${seconds(start)}.`);
}
