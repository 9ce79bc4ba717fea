import { name } from './name.js';

/** The name of a channel as it goes over the wire: `users/v1`, or `users/v1:add` for one type of it. */
export const ChannelName = name('Channel', ['users/v1', 'users/v1:add']);

/** Names one consumer. The server keeps one saved cursor per (clientId, channel name). */
export const ClientId = name('Client ID', ['mailer']);

/** Where a channel name points to: a sequence of events, and perhaps one type in it. */
export interface ChannelAddress {
  /** The channel that has the sequence of ids. */
  readonly channel: string;
  /** The type that the events are filed under; undefined for all of them. */
  readonly type: string | undefined;
}

/**
 * Splits a typed channel name at its first `:`, where that is neither the first nor the last character.
 * With `typed` false every name is one opaque channel (`TYPED_CHANNELS=off`).
 */
export function parseChannel(name: string, typed: boolean): ChannelAddress {
  const colon = typed ? name.indexOf(':') : -1;
  if (colon <= 0 || colon === name.length - 1) return { channel: name, type: undefined };
  return { channel: name.slice(0, colon), type: name.slice(colon + 1) };
}
