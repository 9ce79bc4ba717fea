// Rounds, medians, rows.
import { Process } from '@ganomede/events-testing';
import { Missing } from './contenders.mjs';

const PROCESS = new URL('../load/process.mjs', import.meta.url);

/**
 * @typedef {import('./contenders.mjs').Contender} Contender
 * @typedef {import('./contenders.mjs').Server} Server
 *
 * @typedef {object} Settings
 * @property {boolean} quick    only whether it works
 * @property {number} rounds
 * @property {number} warmUpS
 * @property {number} seconds   of one measurement
 *
 * @typedef {object} Target
 * @property {string} text
 * @property {boolean} reached
 *
 * @typedef {object} Row
 * @property {string} contender
 * @property {string} figure
 * @property {string} [ratio]   to what, in words
 * @property {Target[]} [targets]
 *
 * @typedef {object} Scenario
 * @property {string} title
 * @property {string} work   what is done, in a sentence
 * @property {(settings: Settings) => Promise<Row[]>} run
 */

/** A task in a load process: `done` is its result; `told` what it says before; `go` tells it to go on, where it waits for that. */
export function startLoad(/** @type {string} */ task, /** @type {object} */ options) {
  const child = Process.node(PROCESS, [], { ipc: true });
  /** @type {(figures: any) => void} */
  let tell = () => {};
  const told = new Promise((resolve) => {
    tell = resolve;
  });
  /** @type {Promise<any>} */
  const done = new Promise((resolve, reject) => {
    child.child.on('message', (/** @type {any} */ message) => {
      if ('told' in message) tell(message.told);
      else if ('error' in message) reject(new Error(message.error));
      else resolve(message.result);
    });
    child.child.once('close', () => reject(new Error(`The load process has ended: ${child.output}`)));
  });
  done.catch(() => {});
  child.child.send({ task, options });
  const before = Promise.race([told, done]);
  before.catch(() => {});
  return { done, told: before, go: () => child.child.send({ go: true }), stop: () => child.end() };
}

/** @param {string} task @param {object} options @returns {Promise<any>} */
export const load = (task, options) => startLoad(task, options).done;

/**
 * Measures the contenders in turn, A B C A B C …, each in a fresh process every time.
 *
 * @template Figures
 * @template {Pick<Contender, 'name' | 'start'>} Any
 * @param {Any[]} contenders
 * @param {number} rounds
 * @param {(server: Server, contender: Any) => Promise<Figures>} measure
 * @returns {Promise<Map<string, Figures[] | Missing>>} by name
 */
export async function inTurn(contenders, rounds, measure) {
  /** @type {Map<string, Figures[] | Missing>} */
  const results = new Map(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const contender of contenders) {
      const figures = results.get(contender.name);
      if (!Array.isArray(figures)) continue;
      try {
        const server = await contender.start();
        try {
          figures.push(await measure(server, contender));
          // What failed in it is of more use than a figure.
          if (server.child?.ended) throw new Error(`${contender.name} has ended:\n${server.child.output}`);
        } finally {
          await server.stop();
        }
      } catch (error) {
        if (!(error instanceof Missing)) throw inContext(contender.name, error);
        results.set(contender.name, error);
      }
    }
  }
  return results;
}

/** @param {string} name @param {unknown} error */
const inContext = (name, error) =>
  new Error(`${name}: ${error instanceof Error ? error.message : error}`, { cause: error });

/** @param {number[]} values */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? Number(sorted[middle])
    : (Number(sorted[middle - 1]) + Number(sorted[middle])) / 2;
}

/**
 * Median of a figure; undefined where the contender is missing.
 *
 * @template Figures
 * @param {Map<string, Figures[] | Missing>} results @param {string} name @param {(figures: Figures) => number} figure
 */
export function medianOf(results, name, figure) {
  const list = results.get(name);
  return Array.isArray(list) ? median(list.map(figure)) : undefined;
}

/** Why a contender has no figures. @param {Map<string, unknown>} results @param {string} name */
export function missing(results, name) {
  const reason = results.get(name);
  return reason instanceof Missing ? `missing: ${reason.message}` : undefined;
}

/**
 * How often a figure of the reference a contender reaches: the median over the rounds, each against its neighbour;
 * undefined where one of them is missing.
 *
 * @template Figures
 * @param {Map<string, Figures[] | Missing>} results @param {string} name @param {string} reference
 * @param {(figures: Figures) => number} figure
 */
export function ratioOf(results, name, reference, figure) {
  const [ours, theirs] = [results.get(name), results.get(reference)];
  if (!Array.isArray(ours) || !Array.isArray(theirs)) return undefined;
  return median(
    ours.map((figures, round) => figure(figures) / figure(/** @type {Figures} */ (theirs[round]))),
  );
}

/**
 * A ratio as it is shown, and whether it is what it has to be.
 *
 * @param {number | undefined} ratio @param {string} reference  its name
 * @param {{ atLeast?: number, atMost?: number }} [bounds]
 * @returns {{ text: string, targets: Target[] }}
 */
export function against(ratio, reference, { atLeast, atMost } = {}) {
  if (ratio === undefined) return { text: '', targets: [] };
  const text = `${ratio.toFixed(2)} × ${reference}`;
  const targets = [];
  if (atLeast !== undefined) targets.push({ text: `≥ ${atLeast} × ${reference}`, reached: ratio >= atLeast });
  if (atMost !== undefined) targets.push({ text: `≤ ${atMost} × ${reference}`, reached: ratio <= atMost });
  return { text, targets };
}

/**
 * One row, with all that it is compared to.
 *
 * @param {string} contender @param {string | undefined} figure @param {{ text: string, targets: Target[] }[]} [comparisons]
 * @returns {Row}
 */
export const row = (contender, figure, comparisons = []) => ({
  contender,
  figure: figure ?? '',
  ratio: comparisons
    .map(({ text }) => text)
    .filter((text) => text !== '')
    .join(', '),
  targets: comparisons.flatMap(({ targets }) => targets),
});

/**
 * One row for each contender, with its median or why it is missing.
 *
 * @template Figures
 * @param {Map<string, Figures[] | Missing>} results
 * @param {(figures: Figures) => number} figure
 * @param {(value: number) => string} show
 * @param {Record<string, { text: string, targets: Target[] }[]>} [comparisons]  by contender
 * @returns {Row[]}
 */
export const rows = (results, figure, show, comparisons = {}) =>
  [...results.keys()].map((name) => {
    const value = medianOf(results, name, figure);
    return row(name, value === undefined ? missing(results, name) : show(value), comparisons[name]);
  });

/** A measurement of requests per second. @param {Settings} settings @param {object} options */
export const steady = ({ warmUpS, seconds }, options) =>
  load('steady', { connections: 64, warmUpS, seconds, ...options });

/**
 * Rows of requests per second, with the processor time that the server took for each: that hardly depends on what else
 * runs on the machine.
 *
 * @param {Map<string, { perSecond: number, cpuUs: number }[] | Missing>} results @param {string} unit
 * @param {Record<string, { text: string, targets: Target[] }[]>} comparisons
 */
export const rateRows = (results, unit, comparisons) =>
  rows(results, perSecond, (value) => `${whole(value)} ${unit}/s`, comparisons).map((entry) => {
    const cpuUs = medianOf(results, entry.contender, (figures) => figures.cpuUs);
    return cpuUs ? { ...entry, figure: `${entry.figure}, ${whole(cpuUs)} µs of CPU each` } : entry;
  });

/** @param {{ perSecond: number }} figures */
export const perSecond = (figures) => figures.perSecond;

/** With thousands set apart. @param {number} value */
export const whole = (value) => Math.round(value).toLocaleString('en');
/** @param {number} value */
export const ms = (value) => `${value < 10 ? value.toFixed(2) : value.toFixed(1)} ms`;
