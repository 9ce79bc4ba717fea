import type { ChannelHistory } from './channel-history.js';
import type { EventEntry, ReportEntry, RestartEntry } from './entry.js';
import { LogCopy } from './log-copy.js';

/**
 * Whether what a reader got is the log: its copy of it must have the same rolling hash in the end. Only after a report or a
 * restart may it go back; a report must be of something that was lost.
 */
export function checkReader(
  history: ChannelHistory,
  reader: string,
  entries: readonly (EventEntry | ReportEntry | RestartEntry)[],
): void {
  const { log } = history;
  const copy = new LogCopy();
  /** All that it ever got. */
  const got = new Set<string>();
  /** What has happened since the last event. */
  let isRestarted = false;
  let isTold = false;
  /** The next event has this id. */
  const goBackFor = (id: number) => {
    // What is lost is the end of what it had got; it may be led back further, where nobody knows how much that is.
    if (isTold && !isRestarted && !history.mayBeLost(copy.lastId, copy.valueAt(copy.lastId))) {
      history.report('false report', `${reader} was told of a loss, and id ${copy.lastId} is not lost`);
    }
    copy.backTo(id - 1);
    if (isRestarted) goBackToSaved();
    isRestarted = isTold = false;
  };
  /** The saved cursor may be behind events that it got before it was led to a master whose events are lost. */
  const goBackToSaved = () => {
    const end = Math.min(copy.lastId, log.lastId);
    const from = copy.firstDifference(log) ?? end + 1;
    const kept = Array.from({ length: end - from + 1 }, (_, n) => [from + n, log.valueAt(from + n)] as const);
    if (copy.lastId > end || !kept.every(([id, value]) => got.has(`${id} ${value}`))) return;
    copy.backTo(from - 1);
    for (const [, value] of kept) copy.add(value);
  };
  for (const entry of entries) {
    if (entry.kind === 'report') isTold = true;
    if (entry.kind === 'restart') isRestarted = true;
    if (entry.kind !== 'event') continue;
    const { id, value } = entry;
    history.checkAskedFor(value, `${reader} got id ${id}`);
    if (id > copy.lastId + 1) {
      history.report('skipped', `${reader} got id ${id} after ${copy.lastId}`);
      while (copy.lastId < id - 1) copy.add(undefined);
    } else if (id <= copy.lastId && !isTold && !isRestarted) {
      const before = copy.valueAt(id);
      const kind = before === undefined ? 'reordered' : before === value ? 'repeated' : 'unreported';
      history.report(
        kind,
        `${reader} got id ${id} (${value}; before: ${before ?? 'none'}) after ${copy.lastId}`,
      );
    }
    goBackFor(id);
    copy.add(value);
    got.add(`${id} ${value}`);
  }
  // It was told, and there was nothing after that to get.
  if (isTold || isRestarted) goBackFor(log.lastId + 1);
  if (copy.lastId === log.lastId && copy.beginsLike(log)) return;
  explain(history, reader, copy);
}

/** Says what is wrong with a copy that is not the log. */
function explain(history: ChannelHistory, reader: string, copy: LogCopy): void {
  const { log, idOf } = history;
  const id = copy.firstDifference(log);
  if (id !== undefined) {
    const [got, kept] = [copy.valueAt(id), log.valueAt(id)];
    // A skipped one was reported where it was skipped.
    if (got === undefined) return;
    const isKept = idOf.has(got);
    history.report(
      isKept ? 'reordered' : 'unreported',
      `${reader} got ${got} for id ${id}, ${isKept ? `which is id ${idOf.get(got)}` : 'which is lost'}, and not ${kept}`,
    );
    if (!isKept) history.report('skipped', `${reader} never got ${kept}, id ${id}`);
  } else if (copy.lastId < log.lastId) {
    history.report('skipped', `${reader} never got the ids ${copy.lastId + 1} to ${log.lastId}`);
  } else {
    history.report('unreported', `${reader} got ids up to ${copy.lastId}, and the store has ${log.lastId}`);
  }
}
