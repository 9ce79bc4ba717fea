/** What a round was, in a few lines. @param {import('./round.mjs').Outcome} outcome */
export function figuresOf({ history, failures }) {
  const count = (/** @type {(entry: import('@ganomede/events-testing').Entry) => boolean} */ isOne) =>
    history.filter(isOne).length;
  const appends = history.filter((entry) => entry.kind === 'append');
  const outcomes = ['stored', 'unknown', 'refused'].map(
    (outcome) => `${appends.filter((append) => append.outcome === outcome).length} ${outcome}`,
  );
  const answered = appends
    .filter(({ outcome }) => outcome === 'stored')
    .map((append) => append.answered)
    .sort((a, b) => a - b);
  const gaps = answered.map((at, n) => at - (answered[n - 1] ?? at));
  return [
    `appends: ${outcomes.join(', ')}; at most ${(Math.max(0, ...gaps) / 1_000).toFixed(1)} s without one`,
    `readers got ${count(({ kind }) => kind === 'event')} events, looked ${count(({ kind }) => kind === 'look' || kind === 'tail')} times at the end, and were told ${count(({ kind }) => kind === 'report')} losses`,
    `failures: ${[...failures].map(([what, times]) => `${times} ${what}`).join(', ') || 'none'}`,
  ].join('\n');
}
