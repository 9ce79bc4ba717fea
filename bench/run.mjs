// npm run bench [scenario…] [-- --quick] [--rounds n]
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, constants, cpus, loadavg, release, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { redisProgram } from '@ganomede/events-testing';
import { run } from '../scripts/run.mjs';
import { report, say, seconds } from '../scripts/step.mjs';
import { root } from '../scripts/workspace.mjs';
import { versions } from './harness/contenders.mjs';
import { asMarkdown, asText } from './harness/table.mjs';

const SCENARIOS = [
  'publish-embedded',
  'publish-redis',
  'batches',
  'fan-out',
  'catch-up-tail',
  'catch-up-cold',
  'latency',
  'waiting-polls',
  'waiting-streams',
  'redis-memory',
  'growth',
  'workers',
  'peers',
  'groups',
];

const FULL = { quick: false, rounds: 3, warmUpS: 1, seconds: 3 };
const QUICK = { quick: true, rounds: 1, warmUpS: 0.1, seconds: 0.3 };

for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
  process.once(signal, () => {
    say(`\nEnded by ${signal}.`);
    process.exit(128 + constants.signals[signal]);
  });
}
// On the disk of the repository, as /tmp is often memory.
const files = join(root, 'node_modules', '.ganomede-events');
mkdirSync(files, { recursive: true });
process.env.TMPDIR = files;

try {
  await main();
} catch (error) {
  process.exitCode = 1;
  if (error instanceof Error && 'outcome' in error) report(error);
  else say(error instanceof Error ? (error.stack ?? error.message) : String(error));
}

async function main() {
  const { values, positionals } = parseArgs({
    options: { quick: { type: 'boolean', default: false }, rounds: { type: 'string' } },
    allowPositionals: true,
  });
  const unknown = positionals.find((name) => !SCENARIOS.includes(name));
  if (unknown !== undefined) {
    throw new Error(`Unknown scenario ${JSON.stringify(unknown)}: expected some of ${SCENARIOS.join(', ')}`);
  }
  const rounds = values.rounds === undefined ? FULL.rounds : Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1)
    throw new Error(`Invalid --rounds: expected an integer from 1, got ${values.rounds}`);
  const settings = values.quick ? QUICK : { ...FULL, rounds };
  const names = positionals.length === 0 ? SCENARIOS : positionals;
  const start = performance.now();
  const loadBefore = loadavg()[0];
  /** @type {import('./harness/table.mjs').Result[]} */
  const results = [];
  for (const name of names) {
    say(`${name} …`);
    const since = performance.now();
    /** @type {import('./harness/measure.mjs').Scenario} */
    const scenario = (await import(`./${name}.mjs`)).default;
    try {
      results.push({ name, scenario, rows: await scenario.run(settings) });
    } catch (error) {
      process.exitCode = 1;
      say(`${name} failed: ${error instanceof Error ? error.stack : error}`);
      results.push({
        name,
        scenario,
        rows: [{ contender: 'failed', figure: String(error).split('\n', 1)[0] ?? '' }],
      });
    }
    process.stdout.write(asText(results.slice(-1), values.quick));
    say(`  ${seconds(since)}`);
  }
  say(`Took ${seconds(start)} on Node.js ${process.version}.`);
  if (values.quick) say('A quick run shows that everything works; its figures say nothing.');
  if (values.quick || names.length < SCENARIOS.length) return;
  const facts = await machine(start, loadBefore ?? 0, rounds);
  writeFileSync(new URL('./RESULTS.md', import.meta.url), asMarkdown(results, facts));
  say('Written to bench/RESULTS.md.');
}

/** @param {number} start @param {number} loadBefore @param {number} rounds @returns {Promise<[string, string][]>} */
async function machine(start, loadBefore, rounds) {
  const { fastify, original, nginx, peers } = await versions();
  const { name, version } = redisProgram();
  return [
    ['commit', await commit()],
    ['ended', new Date().toISOString().slice(0, 16).replace('T', ' ')],
    [
      'machine',
      `${availableParallelism()} cores (${cpus()[0]?.model.trim()}), ${Math.round(totalmem() / 2 ** 30)} GiB`,
    ],
    ['system', `${type()} ${release()}${distribution()}`],
    ['load when it began', `${loadBefore.toFixed(2)} (1-minute average, what others on the machine did)`],
    ['Node.js', process.version],
    ['Fastify of the limit', fastify],
    ['Redis', `${name} ${version}`],
    ['original', original],
    ['nginx', nginx],
    ['peers', peers],
    [
      'rounds',
      `${rounds}, ${FULL.seconds} s each after ${FULL.warmUpS} s to warm up; at most 2 rounds of latency, waiting-polls, growth and publishing to 64 channels`,
    ],
    ['took', `${Math.round((performance.now() - start) / 60_000)} minutes`],
  ];
}

/** Of what was measured. */
async function commit() {
  const { ok, output } = await run(['git', 'describe', '--always', '--dirty']).catch(() => ({
    ok: false,
    output: '',
  }));
  return ok ? output.trim() : 'unknown: not a clone';
}

function distribution() {
  try {
    return `, ${/^PRETTY_NAME="(.*)"/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1]}`;
  } catch {
    return '';
  }
}
