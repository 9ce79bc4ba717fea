// npm run explore: searches, for as long as wanted, for what the searches of npm test try a few thousand times: sequences of calls
// after which a store is not like a model of it, and orders of what happens in which a reader misses something.
import { parseArgs } from 'node:util';
import { prepare } from './prepare.mjs';
import { ensureRedis } from './redis.mjs';
import { run } from './run.mjs';
import { report, say } from './step.mjs';

const USAGE = `npm run explore -- [--minutes <n>] [--runs <n>] [--on <engines>] [--seed <n> [--path <path>]]

  --minutes  how long each search goes on; default 5
  --runs     how many cases each search tries, instead
  --on       some of memory, lmdb, redis, cluster, with commas between; default all
  --seed     where it begins: with that of a failure it finds it again, with its path at once`;

/** Files of tests that search, by engine. */
const SEARCHES = {
  memory: ['packages/store/test/interleavings.test.ts', 'packages/store/test/memory-conformance.test.ts'],
  lmdb: ['packages/store-lmdb/test/conformance.test.ts'],
  redis: ['packages/store-redis/test/conformance.test.ts'],
  cluster: ['packages/store-redis/test/cluster-conformance.test.ts'],
};

/** Of the tests in them those that search. */
const NAMES = 'like a model|whatever happens';

try {
  process.exitCode = await explore(process.argv.slice(2));
} catch (error) {
  report(error);
  process.exitCode = 1;
}

/** @param {string[]} args @returns {Promise<number>} the exit code */
async function explore(args) {
  const options = readOptions(args);
  if (options === undefined) {
    say(USAGE);
    return 2;
  }
  await prepare();
  if (options.engines.some((engine) => engine === 'redis' || engine === 'cluster')) await ensureRedis();
  const files = options.engines.flatMap((engine) => SEARCHES[engine]);
  const { code } = await run(['vitest', 'run', '--config', 'vitest.workspace.ts', '-t', NAMES, ...files], {
    output: 'inherit',
    env: options.env,
  });
  return code;
}

/** What was asked for; undefined if that is not understood. @param {string[]} args */
function readOptions(args) {
  const text = /** @type {const} */ ({ type: 'string' });
  const names = { minutes: text, runs: text, on: text, seed: text, path: text };
  try {
    const { minutes, runs, on, seed, path } = parseArgs({ args, options: names }).values;
    const engines = (on ?? Object.keys(SEARCHES).join(',')).split(',').map(engineOf);
    /** @type {Record<string, string>} */
    const env =
      runs === undefined ? { MODEL_MINUTES: numberOf(minutes ?? '5') } : { MODEL_RUNS: numberOf(runs) };
    if (seed !== undefined) env.MODEL_SEED = numberOf(seed);
    if (path !== undefined) env.MODEL_PATH = path;
    return { engines, env };
  } catch (error) {
    say(`${error instanceof Error ? error.message : error}\n`);
    return undefined;
  }
}

/** @param {string} text */
function numberOf(text) {
  if (text.trim() === '' || !Number.isFinite(Number(text)))
    throw new Error(`Expected a number, got ${JSON.stringify(text)}`);
  return text;
}

/** @param {string} name @returns {keyof typeof SEARCHES} */
function engineOf(name) {
  if (Object.hasOwn(SEARCHES, name)) return /** @type {keyof typeof SEARCHES} */ (name);
  throw new Error(`Expected some of ${Object.keys(SEARCHES).join(', ')}, got ${JSON.stringify(name)}`);
}
