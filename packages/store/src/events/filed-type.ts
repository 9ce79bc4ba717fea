import { type EventInput, MAX_NAME_LENGTH, NAME_PATTERN, parseChannel } from '@ganomede/events-protocol';

/**
 * The type that an event appended to `name` is filed under, so that reading `channel:type` finds it: the one in
 * the name, otherwise the event's own. Undefined if no channel name leads to it (typed channels are off,
 * `channel:type` would be too long, holds a control character, or splits elsewhere): it need not be filed.
 */
export function filedType(name: string, event: EventInput, typedChannels: boolean): string | undefined {
  if (!typedChannels) return undefined;
  const { channel, type = event.type } = parseChannel(name, true);
  const typedName = `${channel}:${type}`;
  if (typedName.length > MAX_NAME_LENGTH || !NAME_PATTERN.test(type)) return undefined;
  return parseChannel(typedName, true).channel === channel ? type : undefined;
}
