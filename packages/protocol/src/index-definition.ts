import type { Event } from './event.js';

/** Finds the events of a channel by the value of a field. */
export interface IndexDefinition {
  /** Names the index among all indices, whatever their channels. */
  id: string;
  channel: string;
  /** Where in an event the indexed value is: a path such as `data.username`. */
  field: string;
}

/** The events of an index that have one value in its field, or one page of them. */
export interface ReadIndexReply {
  /** Of the index. */
  id: string;
  field: string;
  value: string;
  /** Newest first. */
  rows: Event[];
  /** The `before` of the next page, if there may be one. */
  next?: number;
}
