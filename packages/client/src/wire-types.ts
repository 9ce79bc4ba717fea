// The same as the protocol's, spelt out so that the declarations of this package stand alone. A test compares them.
import type { EventHeader } from './channel-types.js';

/** What a consumer receives. */
export interface Event extends EventHeader {
  /** Who sent it; not empty. */
  from: string;
  /** What happened; not empty. */
  type: string;
  /** An object or an array. */
  data?: Record<string, unknown> | unknown[];
  metadata?: Record<string, string>;
  /** What it held is forgotten. */
  redacted?: true;
}

/** The body of an answer that is an error. */
export interface ErrorBody {
  /** What to branch on. */
  code: string;
  /** For people: what was expected and what came. */
  message: string;
  /** Of `UnexpectedLastId`: the newest id. */
  lastId?: number;
}

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

/** What a server says about itself. */
export interface About {
  hostname: string;
  /** The kind of service. */
  type: string;
  /** Of the server. */
  version: string;
  description: string;
  /** When the server started, ISO 8601. */
  startDate: string;
}
