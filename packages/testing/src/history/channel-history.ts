import type { AppendEntry, DoubtEntry, Entry, LogEntry } from './entry.js';
import { LogCopy } from './log-copy.js';
import type { Violation, ViolationKind } from './violation.js';

/** What all checks of one channel need to know. */
export class ChannelHistory {
  readonly channel: string;
  readonly entries: readonly Entry[];
  readonly appends: readonly AppendEntry[];
  readonly doubts: readonly DoubtEntry[];
  /** What the store still has. */
  readonly log = new LogCopy();
  /** The id of each value in it. */
  readonly idOf = new Map<string, number>();
  /** The append that each value belongs to. */
  readonly appendOf = new Map<string, AppendEntry>();
  readonly violations: Violation[] = [];
  /** What somebody saw as the newest id, and when it was asked for, ascending. */
  readonly ends: readonly { readonly asked: number; readonly lastId: number }[];

  /** @throws if the history does not tell, once, what the store has in the end */
  constructor(channel: string, entries: readonly Entry[]) {
    this.channel = channel;
    this.entries = entries;
    this.appends = entries.filter((entry) => entry.kind === 'append');
    this.doubts = entries.filter((entry) => entry.kind === 'doubt');
    for (const append of this.appends) for (const value of append.values) this.appendOf.set(value, append);
    this.ends = entries
      .flatMap((entry) => {
        if (entry.kind === 'tail') return entry;
        if (entry.kind === 'look') return { asked: entry.asked, lastId: entry.events.at(-1)?.id ?? 0 };
        return [];
      })
      .toSorted((a, b) => a.asked - b.asked);
    const logs = entries.filter((entry): entry is LogEntry => entry.kind === 'log');
    const [log] = logs;
    if (log === undefined || logs.length > 1)
      throw new Error(`${channel}: expected one log, got ${logs.length}`);
    for (const { id, value } of log.events) {
      if (id !== this.log.lastId + 1) {
        this.report('hole', `after id ${this.log.lastId} the store has ${id}`);
        while (this.log.lastId < id - 1) this.log.add(undefined);
      }
      if (this.idOf.has(value)) {
        this.report('stored twice', `${value} has the ids ${this.idOf.get(value)} and ${id}`);
      }
      if (id === this.log.lastId + 1) this.log.add(value);
      this.idOf.set(value, id);
      this.checkAskedFor(value, `the store has id ${id}`);
    }
  }

  /**
   * Whether an event that somebody got for this id may have been lost since: the log has another one, or none, or it was stored
   * again, by an append that was tried again after the loss: while the store was in doubt, or after somebody saw it end before.
   */
  mayBeLost(id: number, value: string | undefined): boolean {
    if (value === undefined || this.log.valueAt(id) !== value || this.#wasSeenToEndBefore(id)) return true;
    const append = this.appendOf.get(value);
    return this.doubts.some(({ from, to }) => append && append.answered >= from && append.asked <= to);
  }

  /** Whether somebody saw the event, or a later one, and somebody who asked later saw none of them. */
  #wasSeenToEndBefore(id: number): boolean {
    let isSeen = false;
    for (const end of this.ends) {
      if (end.lastId >= id) isSeen = true;
      else if (isSeen) return true;
    }
    return false;
  }

  report(kind: ViolationKind, what: string): void {
    this.violations.push({ kind, channel: this.channel, what });
  }

  /** Somebody got this event: a writer must have asked for it, and not been refused. */
  checkAskedFor(value: string, where: string): void {
    const append = this.appendOf.get(value);
    if (append === undefined) this.report('corrupted', `${where}: ${value}, which nobody asked for`);
    else if (append.outcome === 'refused') this.report('corrupted', `${where}: ${value}, which was refused`);
  }
}
