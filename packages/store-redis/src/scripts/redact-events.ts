import { type Redaction, redactedHead } from '@ganomede/events-store';
import type { ChannelKeys } from '../keys.js';
import type { Script } from './script.js';

export interface RedactEventsArgs {
  readonly keys: ChannelKeys;
  readonly redactions: readonly Redaction[];
}

/** Of each whether it is redacted now. */
export const redactEvents: Script<RedactEventsArgs, boolean[]> = {
  name: 'redact-events',
  numberOfKeys: 2,

  encode: ({ keys: { channel, events }, redactions }) => ({
    keys: [channel, events],
    args: [JSON.stringify(redactions.map(({ id }) => id)), ...redactions.map(redactedHead)],
  }),

  decode: (reply: readonly number[]) => reply.map((outcome) => outcome === 1),
};
