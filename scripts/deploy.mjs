// npm run deploy -- <folder>: the built server with its production dependencies, in a folder of its own.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pnpm } from './pnpm.mjs';
import { prepare } from './prepare.mjs';
import { run } from './run.mjs';
import { report, say } from './step.mjs';

const [folder] = process.argv.slice(2);

try {
  if (folder === undefined) throw new Error('Expected the folder to write to: npm run deploy -- <folder>');
  await prepare({ only: 'start' });
  // Injected, so that the workspace packages are copied; what it installs is pinned by the lock file.
  const { ok, output } = await run(
    pnpm(
      '--filter',
      '@ganomede/events-server',
      '--prod',
      '--config.inject-workspace-packages=true',
      'deploy',
      folder,
    ),
  );
  if (!ok) throw new Error(`Could not write ${folder}:\n${output}`);
  // Where the original has what starts it.
  mkdirSync(join(folder, 'build'), { recursive: true });
  writeFileSync(join(folder, 'index.js'), "import './dist/bin.js';\n");
  writeFileSync(join(folder, 'build', 'index.js'), "import '../dist/bin.js';\n");
  say(`the server is in ${folder}; start it with: node ${folder}/dist/bin.js`);
} catch (error) {
  report(error);
  process.exitCode = 1;
}
