import type { Script } from './script.js';

export interface PickEventsArgs {
  /** The keys of the channel's hash, and of the list of its events. */
  readonly channel: string;
  readonly events: string;
  /** Ascending. */
  readonly ids: readonly number[];
}

/** The JSON texts of the events that are still kept. */
export const pickEvents: Script<PickEventsArgs, Buffer[]> = {
  name: 'pick-events',
  numberOfKeys: 2,
  repliesBuffers: true,
  encode: ({ channel, events, ids }) => ({ keys: [channel, events], args: [JSON.stringify(ids)] }),
  decode: (reply: Buffer[]) => reply,
};
