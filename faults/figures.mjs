/** What a round was, in a few lines. @param {import('./round.mjs').Outcome} outcome */
export function figuresOf({ history, failures, start }) {
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
  const gaps = answered.map((at, n) => ({ ms: at - (answered[n - 1] ?? at), at }));
  const longest = gaps.reduce((a, b) => (b.ms > a.ms ? b : a), { ms: 0, at: 0 });
  const seconds = (/** @type {number} */ ms) => (ms / 1_000).toFixed(1);
  return [
    `appends: ${outcomes.join(', ')}; at most ${seconds(longest.ms)} s without one, until ${seconds(longest.at - start)} s`,
    `readers got ${count(({ kind }) => kind === 'event')} events, looked ${count(({ kind }) => kind === 'look' || kind === 'tail')} times at the end, and were told ${count(({ kind }) => kind === 'report')} losses`,
    `failures: ${[...failures].map(([what, times]) => `${times} ${what}`).join(', ') || 'none'}`,
  ].join('\n');
}
