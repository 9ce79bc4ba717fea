// npm run build: installs and builds what has changed.
import { prepare } from './prepare.mjs';
import { report } from './step.mjs';

try {
  await prepare();
} catch (error) {
  report(error);
  process.exitCode = 1;
}
