import type { Metadata } from './metadata.js';

/** What an event holds: an object or an array, never a scalar or null. */
export type EventData = Record<string, unknown> | unknown[];

/** What a publisher says about an event. */
export interface EventInput {
  /** Who sent it; not empty. */
  from: string;
  /** What happened; not empty. */
  type: string;
  data?: EventData;
  metadata?: Metadata;
}

/** What a publisher gets back. */
export interface EventHeader {
  /** Given by the server: a positive integer, strictly increasing within a channel, never reused. */
  id: number;
  /** Given by the server: milliseconds since the Unix epoch. */
  timestamp: number;
}

/** What a consumer receives. */
export interface Event extends EventHeader, EventInput {
  /** What it held is forgotten. */
  redacted?: true;
}
