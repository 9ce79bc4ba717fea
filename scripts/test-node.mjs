// npm run test:node -- <version>: what npm test does, with another Node.js, for everything that it starts too.
import { delimiter, dirname, join } from 'node:path';
import { otherNode } from './other-node.mjs';
import { run } from './run.mjs';
import { report, say } from './step.mjs';
import { root } from './workspace.mjs';

const [version = '', ...args] = process.argv.slice(2);

if (/^\d+(\.\d+){0,2}$/.test(version)) {
  try {
    process.exitCode = await test(version);
  } catch (error) {
    report(error);
    process.exitCode = 1;
  }
} else {
  say(
    'Expected a version of Node.js, and then what npm test takes: npm run test:node -- 24 --project client',
  );
  process.exitCode = 2;
}

/** @param {string} version @returns {Promise<number>} the exit code */
async function test(version) {
  const node = await otherNode(version);
  const { code } = await run([node, join(root, 'scripts', 'test.mjs'), ...args], {
    output: 'inherit',
    // Whatever looks for `node` finds it too.
    env: { PATH: [dirname(node), process.env.PATH].join(delimiter) },
  });
  return code;
}
