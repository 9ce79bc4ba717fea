// What every command needs first: dependencies installed, packages built.
import { buildPackages } from './compile.mjs';
import { installDependencies } from './install.mjs';
import { alone } from './lock.mjs';
import { say, seconds } from './step.mjs';

const MIN_NODE = 20;

/** Installs and builds what is not up to date. Rejects with a `StepFailed` where that does not work. */
export async function prepare() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < MIN_NODE) {
    say(`Expected Node.js ${MIN_NODE} or newer, got ${process.version}. See https://nodejs.org/en/download`);
    process.exit(1);
  }
  const start = performance.now();
  let worked = false;
  await alone(async () => {
    worked = (await installDependencies()) || worked;
    worked = (await buildPackages()) || worked;
  });
  if (worked) say(`Ready after ${seconds(start)}.`);
}
