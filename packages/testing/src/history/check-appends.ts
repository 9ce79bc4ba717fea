import type { ChannelHistory } from './channel-history.js';
import type { AppendEntry } from './entry.js';

/**
 * Whether the store has what it acknowledged, under the ids that it told, each append as a whole, and in the order of time;
 * what has an unknown outcome once or not at all.
 */
export function checkAppends(history: ChannelHistory): void {
  for (const append of history.appends) {
    checkWhole(history, append);
    if (append.outcome === 'stored') checkKept(history, append);
  }
  checkOrder(history);
}

function checkWhole(history: ChannelHistory, { values }: AppendEntry): void {
  const ids = values.map((value) => history.idOf.get(value));
  const [first] = ids;
  if (ids.some((id, n) => id !== (first === undefined ? undefined : first + n))) {
    history.report('torn', `${values.join(', ')} have the ids ${ids.map((id) => id ?? 'none').join(', ')}`);
  }
}

function checkKept(history: ChannelHistory, append: AppendEntry): void {
  const { values, ids = [], asked, answered } = append;
  const mayBeLost = history.doubts.some(
    ({ from, to, acknowledged }) => acknowledged && answered >= from && asked <= to,
  );
  for (const [n, value] of values.entries()) {
    const id = history.idOf.get(value);
    // Of two masters that each stored it, the one that acknowledged it may be the one that is lost.
    if (id === ids[n] || mayBeLost) continue;
    const now =
      id === undefined ? `id ${ids[n]} is ${history.log.valueAt(ids[n] ?? 0) ?? 'none'}` : `it is ${id}`;
    history.report(
      'gone',
      `${value} was acknowledged as id ${ids[n]} (${Math.round(asked)}–${Math.round(answered)} ms), and now ${now}`,
    );
  }
}

/** Of the events that the store still has: those of appends that do not overlap in time are in its order. */
function checkOrder(history: ChannelHistory): void {
  const kept = history.appends.filter(
    ({ outcome, values }) => outcome === 'stored' && values.every((value) => history.idOf.has(value)),
  );
  const byEnd = kept.toSorted((a, b) => a.answered - b.answered);
  let ended = 0;
  /** Of the appends that had ended. */
  let highest: { id: number; append: AppendEntry } | undefined;
  for (const append of kept.toSorted((a, b) => a.asked - b.asked)) {
    for (let next = byEnd[ended]; next && next.answered < append.asked; next = byEnd[++ended]) {
      const id = history.idOf.get(next.values.at(-1) ?? '') ?? 0;
      if (id > (highest?.id ?? 0)) highest = { id, append: next };
    }
    const first = history.idOf.get(append.values[0] ?? '') ?? 0;
    if (highest && first <= highest.id) {
      history.report(
        'order',
        `${append.values[0]} has id ${first}, though ${highest.append.values.at(-1)} had id ${highest.id} before it was asked for`,
      );
    }
  }
}
