import type { Append, AppendOutcome } from '@ganomede/events-store';
import type { Keys } from '../keys.js';
import type { Script } from './script.js';

export interface AppendArgs {
  readonly keys: Keys;
  /** Of each channel its appends. */
  readonly channels: readonly (readonly Append[])[];
}

/** What became of one of the appends, in the order of the channels and their appends. */
export type ScriptedOutcome = (AppendOutcome | { readonly kind: 'failed'; readonly message: string }) & {
  /** Whether the channel was deleted before, so that it is to be put on the list again. */
  readonly isRevived?: true;
};

type Outcome =
  | 'appended'
  | readonly ['repeated', firstId: number, timestamp: number]
  | readonly ['key-reused']
  | readonly ['unexpected-last-id', lastId: number];

type ChannelReply =
  /** `outcomes` of the appends that have an idempotency key or a condition, if one has. */
  | readonly [kind: 'appended' | 'revived', firstId: number, timestamp: number, outcomes?: readonly Outcome[]]
  | readonly ['failed', message: string];

/** How many events in a row are filed alike, which of the types (from 1; 0: none), and so on. */
type Rows = number[];

/** What the script is to know of the appends to a channel. */
interface ChannelSpec {
  readonly maxEvents: number | undefined;
  readonly types: readonly string[];
  readonly parts: readonly Rows[];
  readonly records: readonly ([fingerprint: string, windowMs: number] | false)[] | undefined;
  readonly conditions: readonly ([lastId: number, type: number] | false)[] | undefined;
}

export const append: Script<AppendArgs, ScriptedOutcome[]> = {
  name: 'append',

  encode({ keys, channels }) {
    const declared: string[] = [];
    const texts: string[] = [];
    const specs = channels.map((appends) => encodeChannel(keys, appends, declared, texts));
    return { keys: declared, args: [JSON.stringify(specs), ...texts] };
  },

  decode(reply: readonly ChannelReply[], { channels }) {
    return channels.flatMap((appends, i) => decodeChannel(appends, reply[i] as ChannelReply));
  },
};

/** Adds its keys and texts to those of the others. */
function encodeChannel(
  keys: Keys,
  appends: readonly Append[],
  declared: string[],
  texts: string[],
): ChannelSpec {
  const { channel, maxEvents } = appends[0] as Append;
  const { channel: hash, events: list, types: set } = keys.of(channel);
  declared.push(hash, list, set);

  const types = new TypeNumbers();
  const parts: Rows[] = [];
  const records: ([fingerprint: string, windowMs: number] | false)[] = [];
  const recordKeys: string[] = [];
  const conditions: ([lastId: number, type: number] | false)[] = [];
  // Those that are stored in any case are told together: their ids follow on each other.
  let open: Rows | undefined;
  for (const append of appends) {
    const { events, idempotency, condition } = append;
    const isApart = hasOutcome(append);
    let rows = isApart ? undefined : open;
    if (rows === undefined) {
      rows = [];
      parts.push(rows);
      records.push(idempotency ? [idempotency.fingerprint, idempotency.windowMs] : false);
      conditions.push(condition ? [condition.lastId, types.of(condition.type)] : false);
    }
    if (idempotency) recordKeys.push(keys.idempotency(channel, idempotency.scope));
    open = isApart ? undefined : rows;
    for (const { text, filed } of events) {
      texts.push(text);
      const type = types.of(filed);
      if (rows.at(-1) === type) (rows[rows.length - 2] as number)++;
      else rows.push(1, type);
    }
  }
  for (const type of types.names) declared.push(keys.type(channel, type));
  declared.push(...recordKeys);
  return {
    maxEvents: maxEvents || undefined,
    types: types.names,
    parts,
    records: recordKeys.length > 0 ? records : undefined,
    conditions: conditions.some(Boolean) ? conditions : undefined,
  };
}

/** Whether it may turn out not to be stored, which the script tells. */
function hasOutcome({ idempotency, condition }: Append): boolean {
  return idempotency !== undefined || condition !== undefined;
}

/** Numbers the types of a channel, from 1. */
class TypeNumbers {
  readonly names: string[] = [];
  readonly #numbers = new Map<string, number>();
  #last: string | undefined;
  #lastNumber = 0;

  /** 0 for none. */
  of(type: string | undefined): number {
    // In a batch most are alike.
    if (type === this.#last) return this.#lastNumber;
    this.#last = type;
    this.#lastNumber = type === undefined ? 0 : (this.#numbers.get(type) ?? this.#add(type));
    return this.#lastNumber;
  }

  #add(type: string): number {
    const number = this.names.push(type);
    this.#numbers.set(type, number);
    return number;
  }
}

function decodeChannel(appends: readonly Append[], reply: ChannelReply): ScriptedOutcome[] {
  if (reply[0] === 'failed') return appends.map(() => ({ kind: 'failed', message: reply[1] }));
  const [kind, firstId, timestamp, outcomes = []] = reply;
  const revived = kind === 'revived' ? { isRevived: true as const } : undefined;
  let next = firstId;
  let told = 0;
  return appends.map((append) => {
    const { events } = append;
    const outcome = hasOutcome(append) ? (outcomes[told++] as Outcome) : 'appended';
    if (outcome === 'appended') {
      next += events.length;
      return { kind: 'appended', firstId: next - events.length, timestamp, ...revived };
    }
    if (outcome[0] === 'key-reused') return { kind: 'key-reused' };
    if (outcome[0] === 'unexpected-last-id') return { kind: 'unexpected-last-id', lastId: outcome[1] };
    return { kind: 'repeated', firstId: outcome[1], timestamp: outcome[2] };
  });
}
