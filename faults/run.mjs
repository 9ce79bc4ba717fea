// npm run faults -- [--storage redis] [--seed 123] [--minutes 20] [--min-replicas 1] [--no-rewinds] [--replay file]
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ensureRedis } from '../scripts/redis.mjs';
import { say } from '../scripts/step.mjs';
import { clocksLack } from './clock.mjs';
import { figuresOf } from './figures.mjs';
import { planOf, STORAGES } from './plan.mjs';
import { play } from './round.mjs';

/** @typedef {import('./plan.mjs').Plan} Plan */
/** @typedef {import('./round.mjs').Outcome} Outcome */

for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
  process.once(signal, () => process.exit(128 + constants.signals[signal]));
}

await ensureRedis();
if (clocksLack) say(`Clocks are left alone: this machine lacks ${clocksLack}`);
for (const plan of plans()) {
  say(`\n${plan.storage}, seed ${plan.seed}, ${plan.seconds} s, REDIS_MIN_REPLICAS=${plan.minReplicas}`);
  try {
    const outcome = await play(plan, say);
    say(figuresOf(outcome));
    for (const { kind, channel, what } of outcome.violations.slice(0, 20))
      say(`${kind}: ${channel}: ${what}`);
    say(`${outcome.violations.length} violations`);
    if (outcome.violations.length > 0) keep(plan, outcome);
  } catch (error) {
    say(error instanceof Error ? (error.stack ?? error.message) : String(error));
    keep(plan, /** @type {{ outcome?: Outcome }} */ (error).outcome);
  }
}

/** What the arguments ask for. @returns {Plan[]} */
function plans() {
  const { values } = parseArgs({
    options: {
      storage: { type: 'string', multiple: true, default: Object.keys(STORAGES) },
      seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
      minutes: { type: 'string', default: '1' },
      'min-replicas': { type: 'string', default: '1' },
      'no-rewinds': { type: 'boolean', default: false },
      replay: { type: 'string' },
    },
  });
  if (values.replay !== undefined) return [JSON.parse(readFileSync(values.replay, 'utf8'))];
  const [seed, minutes, minReplicas] = [values.seed, values.minutes, values['min-replicas']].map(Number);
  return values.storage.map((storage) => {
    if (!(storage in STORAGES)) {
      throw new Error(`Unknown storage ${storage}: expected one of ${Object.keys(STORAGES).join(', ')}`);
    }
    return planOf({
      storage,
      seed: seed ?? 0,
      seconds: (minutes ?? 0) * 60,
      minReplicas: storage === 'sentinel' || storage === 'cluster' ? (minReplicas ?? 0) : 0,
      rewinds: !values['no-rewinds'],
    });
  });
}

/** Leaves what explains a failure, and what plays it again. @param {Plan} plan @param {Outcome} [outcome] */
function keep(plan, outcome) {
  process.exitCode = 1;
  const folder = fileURLToPath(new URL(`failures/${plan.storage}-${plan.seed}/`, import.meta.url));
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}plan.json`, `${JSON.stringify(plan, undefined, 1)}\n`);
  const lines = (outcome?.history ?? []).map((entry) => `${JSON.stringify(entry)}\n`);
  writeFileSync(`${folder}history.jsonl`, lines.join(''));
  for (const [name, log] of Object.entries(outcome?.logs ?? {})) writeFileSync(`${folder}${name}.log`, log);
  say(`The same faults again: npm run faults -- --replay ${folder}plan.json`);
}
