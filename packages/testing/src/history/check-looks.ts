import type { ChannelHistory } from './channel-history.js';
import type { LookEntry } from './entry.js';

/**
 * Whether everybody who asked for the end of the channel saw all that was acknowledged before, and nothing but a run of
 * the log. Not all while the store was in doubt: there may have been two.
 */
export function checkLooks(history: ChannelHistory): void {
  const kept = history.appends
    .filter(({ outcome, values }) => outcome === 'stored' && history.idOf.has(values[0] ?? ''))
    .toSorted((a, b) => a.answered - b.answered);
  const tails = history.entries
    .filter((entry) => entry.kind === 'tail' || entry.kind === 'look')
    .toSorted((a, b) => a.asked - b.asked);
  let answered = 0;
  let highest = 0;
  for (const tail of tails) {
    for (let next = kept[answered]; next && next.answered < tail.asked; next = kept[++answered]) {
      highest = Math.max(highest, next.ids?.at(-1) ?? 0);
    }
    if (history.doubts.some(({ from, to }) => from <= tail.asked && tail.asked <= to)) continue;
    const lastId = tail.kind === 'tail' ? tail.lastId : (tail.events.at(-1)?.id ?? 0);
    if (lastId < highest) {
      history.report(
        'stale',
        `who asked at ${Math.round(tail.asked)} ms saw ids up to ${lastId}, though ${highest} was acknowledged`,
      );
    }
  }
  for (const tail of tails) if (tail.kind === 'look') checkRun(history, tail);
}

function checkRun(history: ChannelHistory, { asked, events }: LookEntry): void {
  const mayHaveSeenLost = history.doubts.some(({ to }) => asked <= to);
  for (const [n, { id, value }] of events.entries()) {
    const where = `who asked at ${Math.round(asked)} ms got id ${id}`;
    history.checkAskedFor(value, where);
    const before = events[n - 1]?.id;
    if (before !== undefined && id !== before + 1) {
      history.report(id > before ? 'skipped' : 'reordered', `${where} after ${before}`);
    }
    const kept = history.log.valueAt(id);
    if (kept !== value && !mayHaveSeenLost)
      history.report('gone', `${where} as ${value}, which is ${kept ?? 'none'} now`);
  }
}
