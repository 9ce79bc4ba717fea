/** What no history of a store that keeps its promises has. */
export type ViolationKind =
  /** An acknowledged event is gone, or is another one, though nothing happened for which it may be. */
  | 'gone'
  /** The store has an event twice. */
  | 'stored twice'
  /** The store has some events of an append, or has them with others between them. */
  | 'torn'
  /** The store lacks an id between others. */
  | 'hole'
  /** Somebody got an event that nobody has asked for, or one that was refused. */
  | 'corrupted'
  /** An append that began after another one had ended has lower ids. */
  | 'order'
  /** A reader did not get an event that the store has. */
  | 'skipped'
  /** A reader got an event again without being told why. */
  | 'repeated'
  /** A reader got events in another order than the store has them. */
  | 'reordered'
  /** The store has lost events that a reader had got, and the reader was not told. */
  | 'unreported'
  /** A reader was told of a loss that was none. */
  | 'false report'
  /** Somebody did not see what had been acknowledged before it asked. */
  | 'stale';

export interface Violation {
  readonly kind: ViolationKind;
  readonly channel: string;
  /** A sentence with ids and values. */
  readonly what: string;
}
