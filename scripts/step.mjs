// One line for each step while it goes well, and everything that it wrote where it fails.

/** A step that failed, with what its command wrote. */
export class StepFailed extends Error {
  /** @param {string} step @param {import('./run.mjs').Outcome} outcome */
  constructor(step, outcome) {
    super(`${step} failed (exit code ${outcome.code}).`);
    this.outcome = outcome;
  }
}

/** Writes a line about progress: to standard error, as standard output belongs to the server. */
export const say = (/** @type {string} */ line) => void process.stderr.write(`${line}\n`);

/** @param {number} since  of `performance.now()` */
export const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`;

/** Tells why a step failed. @param {unknown} error */
export function report(error) {
  if (!(error instanceof StepFailed)) throw error;
  say(`${error.outcome.output.trimEnd()}\n\n${error.message}`);
}
