import { prepare } from '../scripts/prepare.mjs';
import { report } from '../scripts/step.mjs';

/** Vitest's global set-up: these tests run what was built, so it has to be what the sources say. */
export default async function build(): Promise<void> {
  try {
    await prepare();
  } catch (error) {
    report(error);
    throw new Error('The packages could not be built, see above');
  }
}
