/**
 * What a writer, a reader or whoever makes faults has noted while a store was in use. Times are milliseconds on one clock
 * that never goes back; entries stand in the order in which they were noted. An event is told by its id and its `value`, a
 * text that no other event has and that changes if anything of the event does.
 */
export type Entry =
  | AppendEntry
  | EventEntry
  | ReportEntry
  | RestartEntry
  | TailEntry
  | LookEntry
  | DoubtEntry
  | LogEntry;

/** A writer has asked for an append of one or more events, and this is how it ended, all attempts under one key together. */
export interface AppendEntry {
  readonly kind: 'append';
  readonly channel: string;
  readonly values: readonly string[];
  readonly asked: number;
  readonly answered: number;
  /** `unknown`: no answer, or one that leaves open whether the events are stored. `refused`: they certainly are not. */
  readonly outcome: 'stored' | 'unknown' | 'refused';
  /** Of stored events, in the order of `values`. */
  readonly ids?: readonly number[];
}

export interface StoredEvent {
  readonly id: number;
  readonly value: string;
}

/** A reader has got an event. Readers begin with the first event of the channel and go on to the end of the history. */
export interface EventEntry extends StoredEvent {
  readonly kind: 'event';
  readonly channel: string;
  readonly reader: string;
}

/** A reader was told that the store has lost events that it had got: it may go back now. */
export interface ReportEntry {
  readonly kind: 'report';
  readonly channel: string;
  readonly reader: string;
}

/** A reader has begun again behind its saved cursor: it may go back now, by what was not saved. */
export interface RestartEntry {
  readonly kind: 'restart';
  readonly channel: string;
  readonly reader: string;
}

/** Somebody asked for the end of a channel, and this was the newest id, 0 if there was none. */
export interface TailEntry {
  readonly kind: 'tail';
  readonly channel: string;
  readonly asked: number;
  readonly lastId: number;
}

/** Somebody asked for the newest events of a channel, and got these. */
export interface LookEntry {
  readonly kind: 'look';
  readonly channel: string;
  readonly asked: number;
  readonly events: readonly StoredEvent[];
}

/**
 * Something happened for which the store may lose events: of those that were answered before `from` none, of those that
 * were asked for after `to` none. In between reads may tell an older state, as those of a master do that has been replaced.
 */
export interface DoubtEntry {
  readonly kind: 'doubt';
  readonly channel: string;
  readonly from: number;
  readonly to: number;
  /** Whether acknowledged events may be lost too, and not only those of unknown outcome. */
  readonly acknowledged: boolean;
}

/** All events of a channel at the end of the history: what the store still has. */
export interface LogEntry {
  readonly kind: 'log';
  readonly channel: string;
  readonly events: readonly StoredEvent[];
}
