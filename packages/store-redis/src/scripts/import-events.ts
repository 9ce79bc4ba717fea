import type { Epochs, ImportedEvent } from '@ganomede/events-store';
import type { Keys } from '../keys.js';
import type { Script } from './script.js';

export interface ImportEventsArgs {
  readonly keys: Keys;
  readonly channel: string;
  /** The newest id that there is to be; 0 if there is to be none. */
  readonly expectedLastId: number;
  /** Ascending by id, all above that. */
  readonly events: readonly ImportedEvent[];
  /** The newest id then. */
  readonly lastId: number;
  /** The newest timestamp given up to there. */
  readonly timestamp: number;
  /** Those of the channel then. */
  readonly epochs: Epochs;
  /** Whether the channel is to be as one that was deleted, if it keeps nothing. */
  readonly isDeleted: boolean;
}

/** False if the newest id was another: nothing was stored. */
export const importEvents: Script<ImportEventsArgs, boolean> = {
  name: 'import-events',

  encode({ keys, channel, expectedLastId, events, lastId, timestamp, epochs, isDeleted }) {
    const types = [...new Set(events.flatMap(({ filed }) => filed ?? []))];
    // Lua counts from 1.
    const numbers = new Map(types.map((type, i) => [type, i + 1]));
    const { channel: hash, events: list, types: set, gaps } = keys.of(channel);
    const spec = {
      expected: expectedLastId,
      last: lastId,
      time: String(timestamp),
      epoch: epochs.current,
      epochs: epochs.earlier,
      deleted: isDeleted,
      types,
      ids: events.map(({ id }) => id),
      filed: events.map(({ filed }) => (filed === undefined ? 0 : numbers.get(filed))),
    };
    return {
      keys: [hash, list, set, gaps, ...types.map((type) => keys.type(channel, type))],
      args: [JSON.stringify(spec), ...events.map(({ json }) => json.toString())],
    };
  },

  decode: (reply: number) => reply === 1,
};
