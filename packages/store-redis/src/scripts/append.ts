import type { Append, AppendOutcome } from '@ganomede/events-store';
import type { Keys } from '../keys.js';
import type { Script } from './script.js';

/** Larger notifications tell the ids only, and every server reads the events once: more than a live tail holds. */
const MAX_NOTIFICATION_BYTES = 256 * 1024;

export interface AppendArgs {
  readonly keys: Keys;
  /** Of each channel its appends. */
  readonly channels: readonly (readonly Append[])[];
}

/** What became of one of the appends, in the order of the channels and their appends. */
export type ScriptedOutcome = AppendOutcome | { readonly kind: 'failed'; readonly message: string };

type Outcome =
  | 'appended'
  | readonly ['repeated', firstId: number, timestamp: number]
  | readonly ['key-reused'];

type ChannelReply =
  | readonly ['appended', firstId: number, timestamp: number, outcomes: readonly Outcome[]]
  | readonly ['failed', message: string];

export const append: Script<AppendArgs, ScriptedOutcome[]> = {
  name: 'append',

  encode({ keys, channels }) {
    const declared: string[] = [];
    const texts: string[] = [];
    const specs = channels.map((appends) => encodeChannel(keys, appends, declared, texts));
    return {
      keys: declared,
      args: [JSON.stringify({ maxNotificationBytes: MAX_NOTIFICATION_BYTES, channels: specs }), ...texts],
    };
  },

  decode(reply: readonly ChannelReply[], { channels }) {
    return channels.flatMap((appends, i) => decodeChannel(appends, reply[i] as ChannelReply));
  },
};

/** What the script is to know of the appends to a channel; its keys and texts are added to those of the others. */
function encodeChannel(keys: Keys, appends: readonly Append[], declared: string[], texts: string[]) {
  const { channel, maxEvents } = appends[0] as Append;
  const { channel: hash, events: list, types: set, notifications } = keys.of(channel);
  const [firstKey, firstText] = [declared.length, texts.length];
  declared.push(hash, list, set);

  // Lua counts from 1.
  const types = new Map<string, number>();
  const records: string[] = [];
  const specs = appends.map(({ events, idempotency }) => {
    const rows: [count: number, type: number][] = [];
    let row: [count: number, type: number] | undefined;
    let last: string | undefined;
    for (const { text, filed } of events) {
      texts.push(text);
      if (row === undefined || filed !== last) {
        row = [0, numberOf(filed, types)];
        rows.push(row);
        last = filed;
      }
      row[0]++;
    }
    if (idempotency === undefined) return { rows };
    const { scope, fingerprint, windowMs } = idempotency;
    records.push(keys.idempotency(channel, scope));
    return { rows, fingerprint, windowMs };
  });
  for (const type of types.keys()) declared.push(keys.type(channel, type));
  declared.push(...records);

  return {
    keys: declared.length - firstKey,
    events: texts.length - firstText,
    notifications,
    maxEvents,
    types: [...types.keys()],
    appends: specs,
  };
}

/** Of a type among the others of its channel, from 1; 0 for none. */
function numberOf(type: string | undefined, types: Map<string, number>): number {
  if (type === undefined) return 0;
  let number = types.get(type);
  if (number === undefined) {
    number = types.size + 1;
    types.set(type, number);
  }
  return number;
}

function decodeChannel(appends: readonly Append[], reply: ChannelReply): ScriptedOutcome[] {
  if (reply[0] === 'failed') return appends.map(() => ({ kind: 'failed', message: reply[1] }));
  const [, firstId, timestamp, outcomes] = reply;
  let next = firstId;
  let keyed = 0;
  return appends.map(({ events, idempotency }) => {
    const outcome = idempotency === undefined ? 'appended' : (outcomes[keyed++] as Outcome);
    if (outcome === 'appended') {
      next += events.length;
      return { kind: 'appended', firstId: next - events.length, timestamp };
    }
    if (outcome[0] === 'key-reused') return { kind: 'key-reused' };
    return { kind: 'repeated', firstId: outcome[1], timestamp: outcome[2] };
  });
}
