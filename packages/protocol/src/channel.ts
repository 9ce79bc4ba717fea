/** What a channel name leads to: a sequence of events, and perhaps one type in it. */
export interface ChannelAddress {
  /** The channel that has the sequence of ids. */
  readonly channel: string;
  /** The type that the events are filed under; undefined for all of them. */
  readonly type: string | undefined;
}

/**
 * Splits a typed channel name at its first `:`, if that is neither the first nor the last character.
 * With `typed` false every name is one opaque channel (`TYPED_CHANNELS=off`).
 */
export function parseChannel(name: string, typed: boolean): ChannelAddress {
  const colon = typed ? name.indexOf(':') : -1;
  if (colon <= 0 || colon === name.length - 1) return { channel: name, type: undefined };
  return { channel: name.slice(0, colon), type: name.slice(colon + 1) };
}
