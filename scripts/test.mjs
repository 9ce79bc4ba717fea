// npm test: installs and builds, then lint, type check, every test, and whether each benchmark still runs; goes on after a
// failure, so that all are seen. Arguments are Vitest's: `npm test -- --project client` runs no benchmark.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, sep } from 'node:path';
import { ensureChromium } from './chromium.mjs';
import { prepare } from './prepare.mjs';
import { ensureRedis } from './redis.mjs';
import { run } from './run.mjs';
import { report, say, seconds } from './step.mjs';
import { root, rootManifest, workspacePackages } from './workspace.mjs';

/** @typedef {{ name: string, passed: number, failed: number, skipped: number, note: string }} Row */

/** @type {Row[]} */
const rows = [];
const start = performance.now();

try {
  await prepare();
  await ensureRedis();
  await ensureChromium();
  rows.push(await check('lint'));
  rows.push(await check('typecheck'));
  const args = process.argv.slice(2);
  rows.push(...(await tests(args)));
  if (args.length === 0) rows.push(await check('bench', '--quick'));
} catch (error) {
  report(error);
  rows.push({ name: 'install and build', passed: 0, failed: 1, skipped: 0, note: '' });
}
const failed = summarise();
process.exitCode = failed === 0 ? 0 : 1;

/** Runs a script of package.json that says yes or no. @param {string} name @param {string[]} args @returns {Promise<Row>} */
async function check(name, ...args) {
  const since = performance.now();
  const command = [rootManifest.scripts?.[name] ?? '', ...args].join(' ');
  say(`${name}: ${command} …`);
  const { ok, output } = await run(command);
  if (!ok) say(output);
  return { name, passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0, note: seconds(since) };
}

/** Runs Vitest and counts the tests of each package. @param {string[]} args @returns {Promise<Row[]>} */
async function tests(args) {
  const folder = mkdtempSync(join(tmpdir(), 'ganomede-events-test-'));
  const file = join(folder, 'results.json');
  try {
    const { ok, code } = await run(
      [
        ...['vitest', 'run', '--config', 'vitest.workspace.ts'],
        ...['--reporter=default', '--reporter=json', `--outputFile.json=${file}`],
        ...args,
      ],
      { output: 'inherit' },
    );
    const counted = countTests(readResults(file));
    const total = counted.reduce((sum, row) => sum + row.passed + row.failed, 0);
    const trouble = { name: 'vitest', passed: 0, failed: 1, skipped: 0 };
    if (total === 0) return [...counted, { ...trouble, note: `no test was run (exit code ${code})` }];
    if (!ok && counted.every((row) => row.failed === 0))
      return [
        ...counted,
        { ...trouble, note: `an error outside of the tests, see above (exit code ${code})` },
      ];
    return counted;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @typedef {{ status: string }} TestResult
 * @typedef {{ name: string, status: string, assertionResults: TestResult[] }} FileResult
 */

/** What Vitest's json reporter wrote; nothing where Vitest did not get so far. @returns {FileResult[]} */
function readResults(/** @type {string} */ file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).testResults;
  } catch {
    return [];
  }
}

/** One row for each package that had tests. @param {FileResult[]} results @returns {Row[]} */
function countTests(results) {
  /** @type {Map<string, Row>} */
  const packages = new Map();
  const paths = workspacePackages().map(({ path }) => path);
  for (const { name, status, assertionResults } of results) {
    const file = relative(root, name).split(sep).join('/');
    const path = paths.find((candidate) => file.startsWith(`${candidate}/`)) ?? file;
    const row = packages.get(path) ?? { name: path, passed: 0, failed: 0, skipped: 0, note: '' };
    packages.set(path, row);
    const failures = assertionResults.filter((test) => test.status === 'failed').length;
    const passes = assertionResults.filter((test) => test.status === 'passed').length;
    row.passed += passes;
    // A file that cannot be loaded, or whose hooks fail, is one failure.
    row.failed += failures === 0 && status === 'failed' ? 1 : failures;
    row.skipped += assertionResults.length - passes - failures;
  }
  return [...packages.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Ends the output with a table and the totals. @returns the number of failures */
function summarise() {
  const sum = (/** @type {'passed' | 'failed'} */ key) => rows.reduce((total, row) => total + row[key], 0);
  const width = Math.max(...rows.map(({ name }) => name.length));
  console.log(`\n${''.padEnd(width)}  passed  failed  skipped`);
  for (const { name, passed, failed, skipped, note } of rows) {
    const numbers = [`${passed}`.padStart(6), `${failed}`.padStart(6), `${skipped || ''}`.padStart(7)];
    console.log(`${name.padEnd(width)}  ${numbers.join('  ')}  ${note}`.trimEnd());
  }
  console.log(`Took ${seconds(start)} on Node.js ${process.version}.\n`);
  console.log(`${sum('passed')} passed, ${sum('failed')} failed`);
  return sum('failed');
}
