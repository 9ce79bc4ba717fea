import type { EventEmitter } from 'node:events';
import { wrong } from './checks.js';
import type { CycleCursor } from './cycle-cursor.js';
import type { RequestError } from './errors.js';

/**
 * What the server gives an event: its id, and when it was stored, in milliseconds since the Unix epoch. The same as the
 * protocol's, spelt out so that the declarations of this package stand alone.
 */
export interface EventHeader {
  id: number;
  timestamp: number;
}

/** The events of a channel that nothing more is known about. */
export interface AnyEvent {
  from: string;
  type: string;
  // biome-ignore lint/suspicious/noExplicitAny: untyped use reads `event.data.name` without ceremony
  data?: any;
  /** What is about the event and not in it, such as `traceparent`. */
  metadata?: Record<string, string>;
}

/** What a client without a type argument works with: every channel, every event. */
export type AnyChannels = Record<string, AnyEvent>;

/** The names of the channels in a map, and of their types (`orders:paid` if the map has `orders`). */
export type ChannelOf<Channels> = MappedName<Channels> | `${MappedName<Channels>}:${string}`;

type MappedName<Channels> = string & Exclude<keyof Channels, SpecialName>;

/**
 * What a map says of the events of a channel: itself, or else, of `orders:paid`, what it says of `orders`; of several kinds of events
 * those whose type is `paid`, if it has such.
 */
export type EventOf<Channels, Name> = Name extends keyof Channels
  ? Channels[Name]
  : Name extends `${infer Channel}:${infer Type}`
    ? Channel extends keyof Channels
      ? OfType<Channels[Channel], Type>
      : never
    : never;

type OfType<E, Type> = [Extract<E, { type: Type }>] extends [never] ? E : Extract<E, { type: Type }>;

/** An event as `send` takes it. An `id` and a `timestamp` in the declared type are left to the server. */
export type Outgoing<E> = E extends unknown
  ? Omit<E, keyof EventHeader> & Pick<AnyEvent, 'from' | 'type' | 'metadata'>
  : never;

/** What an event has that was forgotten: no `data`, whatever the channel declares, and no `metadata`. */
export interface Redactable {
  redacted?: true;
}

/** An event as handlers get it: what the channel declares, and what every event has. */
export type Incoming<E> = E extends unknown
  ? EventHeader & Redactable & Pick<AnyEvent, 'from' | 'type' | 'metadata'> & E & UnlessTyped<E>
  : never;

// `data?: any` may be read without asking whether it is there.
type UnlessTyped<E> = E extends { data?: infer Data }
  ? 0 extends 1 & Data
    ? { data: Data }
    : unknown
  : unknown;

/** Two cursors of a channel: where a request began and where the next one will. */
export interface Cycle {
  finished: CycleCursor;
  next: CycleCursor;
}

/** What handlers of the special names get. */
export interface SpecialListeners {
  /** A handler was added: its event name and itself, as for every EventEmitter. */
  newListener: (eventName: string | symbol, listener: PlainListener) => void;
  /** A handler was removed: its event name and itself, as for every EventEmitter. */
  removeListener: (eventName: string | symbol, listener: PlainListener) => void;
  /** A request of a channel failed; it will be tried again. */
  error: (error: RequestError, channel: string) => void;
  /** The last channel lost its last handler, and all requests are finished. */
  drain: () => void;
  /** A request of a channel is finished or failed, and what it brought is emitted. */
  cycle: (cycle: Cycle, channel: string) => void;
}

export type SpecialName = keyof SpecialListeners;

/** Event names that are neither polled nor sent to. */
export const SPECIAL_NAMES: readonly SpecialName[] = [
  'newListener',
  'removeListener',
  'error',
  'drain',
  'cycle',
];

export function isSpecial(name: string): boolean {
  return SPECIAL_NAMES.some((special) => special === name);
}

/** @throws TypeError if it is an event name that is no channel */
export function checkNotSpecial(channel: unknown): void {
  if (typeof channel === 'string' && isSpecial(channel)) {
    throw wrong('channel', `none of ${SPECIAL_NAMES.join(', ')}`, channel);
  }
}

/** The handler type of plain EventEmitters. */
export type PlainListener = Parameters<EventEmitter['on']>[1];

/** What a client without a type argument listens to with whatever handler, as the original lets it; with one: nothing. */
export type UntypedName<Channels> = string extends keyof Channels ? string | symbol : never;

/** A handler that says by itself what it gets. */
// biome-ignore lint/suspicious/noExplicitAny: its parameters may be of any type
export type UntypedListener = (...args: any[]) => unknown;

/** Everything that can be listened to. Symbols are plain local events. */
export type EventName<Channels> = SpecialName | ChannelOf<Channels> | symbol;

/** The handler type that belongs to an event name. */
export type ListenerOf<Channels, Name> = Name extends SpecialName
  ? SpecialListeners[Name]
  : Name extends ChannelOf<Channels>
    ? (event: Incoming<EventOf<Channels, Name>>, channel: Name) => unknown
    : PlainListener;
