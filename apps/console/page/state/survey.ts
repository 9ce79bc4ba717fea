import { signal } from '@preact/signals';
import {
  type ChannelState,
  type ConsumerState,
  type GroupState,
  listChannels,
  listConsumers,
  listGroups,
} from '../api/events-api.js';
import { isConnected } from './connection.js';
import { rights } from './session.js';

/** Who reads a channel, and how that was when somebody looked. */
export interface Readers {
  readonly channel: ChannelState;
  readonly consumers: readonly ConsumerState[];
  readonly groups: readonly ReadGroup[];
}

/** A group, and the age of the oldest event that it has not handed out, milliseconds. */
export type ReadGroup = GroupState & { readonly behindMs?: number | undefined };

/** How far behind a consumer or a group was, and where. */
export interface Sample {
  readonly at: number;
  readonly lag: number;
  readonly after: number;
}

/** Between two looks, milliseconds. */
const EVERY_MS = 3_000;
const MOST_PAUSE_MS = 15_000;
/** Channels of one look; all of them have their turn, those where something happens first. */
const CHANNELS_OF_A_LOOK = 40;
const AT_ONCE = 4;
/** The most channels that are known: beyond that only what begins with a text can be searched. */
export const MOST_CHANNELS = 10_000;
/** Of each consumer and group. */
const MOST_SAMPLES = 100;
const MOST_HISTORIES = 2_000;

/** All channels, by name; undefined until they are known, or if they may not be listed. */
export const channels = signal<readonly ChannelState[] | undefined>(undefined);
export const channelsError = signal<unknown>(undefined);
/** Events a second of each channel, between the last two looks. */
export const channelRates = signal<ReadonlyMap<string, number>>(new Map());
/** Since when the readers are looked at, milliseconds since the Unix epoch; undefined: not yet. */
export const lookedAtSince = signal<number | undefined>(undefined);
/** What is known of the readers, by channel. */
export const readers = signal<ReadonlyMap<string, Readers>>(new Map());

const histories = new Map<string, Sample[]>();

export const keyOf = ({ channel, clientId, group }: { channel: string; clientId?: string; group?: string }) =>
  JSON.stringify([channel, clientId ?? null, group ?? null]);

/** How a consumer or a group has moved since this page looks, the oldest first. */
export const historyOf = (key: string): readonly Sample[] => histories.get(key) ?? [];

/** Notes how far a consumer or a group is. */
export function note(state: ConsumerState): void {
  const key = keyOf(state);
  const history = histories.get(key) ?? [];
  if (history.length === 0 && histories.size >= MOST_HISTORIES) return;
  history.push({ at: Date.now(), lag: state.lag, after: state.after });
  if (history.length > MOST_SAMPLES) history.shift();
  histories.set(key, history);
}

/** Looks at all channels and who reads them, if that is allowed, again and again, until the returned function is called. */
export function survey(): () => void {
  channelsError.value = undefined;
  if (!rights.peek().may('observe')) return () => {};
  const end = new AbortController();
  let lookedAt = 0;
  /** Those that have not had their turn in this round. */
  let round: string[] = [];

  const look = async () => {
    const before = channels.peek();
    const found = await listChannels({ limit: MOST_CHANNELS }, end.signal);
    const at = Date.now();
    if (before !== undefined) channelRates.value = ratesOf(before, found, (at - lookedAt) / 1_000);
    lookedAt = at;
    channels.value = found;
    channelsError.value = undefined;
  };

  const lookAtReaders = async () => {
    const found = channels.peek() ?? [];
    const byName = new Map(found.map((channel) => [channel.channel, channel]));
    if (round.length === 0) round = inOrderOfInterest(found);
    const turn = round.splice(0, CHANNELS_OF_A_LOOK).flatMap((name) => byName.get(name) ?? []);
    const news = new Map<string, Readers>();
    const one = async () => {
      for (let channel = turn.shift(); channel !== undefined; channel = turn.shift()) {
        if (rights.peek().may('observe', channel.channel)) {
          news.set(channel.channel, await readersOf(channel, end.signal));
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, one));
    const known = [...readers.peek()].filter(([name]) => byName.has(name) && !news.has(name));
    readers.value = new Map([...known, ...news]);
    lookedAtSince.value ??= Date.now();
  };

  /** Does something until the end; a large store is not to be busy with being looked at. */
  const repeat = async (work: () => Promise<void>) => {
    if (end.signal.aborted) return;
    const start = performance.now();
    try {
      if (!document.hidden && isConnected.peek()) await work();
    } catch (error) {
      if (!end.signal.aborted) channelsError.value = error;
    }
    const pauseMs = Math.min(Math.max(EVERY_MS, (performance.now() - start) * 5), MOST_PAUSE_MS);
    setTimeout(() => void repeat(work), pauseMs);
  };
  void repeat(look).then(() => repeat(lookAtReaders));
  return () => {
    end.abort();
    channels.value = undefined;
    readers.value = new Map();
    lookedAtSince.value = undefined;
    histories.clear();
  };
}

/** Those of dead letters tell of a group that has some; then what is newest. */
function inOrderOfInterest(found: readonly ChannelState[]): string[] {
  const newest = found.toSorted((a, b) => (b.lastTimestamp ?? 0) - (a.lastTimestamp ?? 0));
  const withDeadLetters = newest.flatMap(({ channel }) =>
    channel.endsWith('.dead-letters') ? [channel.slice(0, -'.dead-letters'.length)] : [],
  );
  return [...new Set([...withDeadLetters, ...newest.map(({ channel }) => channel)])];
}

async function readersOf(channel: ChannelState, signal: AbortSignal): Promise<Readers> {
  const states = await listConsumers(channel.channel, signal);
  for (const state of states) note(state);
  const hasGroups = states.some(({ group }) => group !== undefined);
  return {
    channel,
    consumers: states.filter(({ group }) => group === undefined),
    groups: hasGroups
      ? (await listGroups(channel.channel, signal)).map((group) => withAge(group, states))
      : [],
  };
}

function withAge(state: GroupState, states: readonly ConsumerState[]): ReadGroup {
  const key = keyOf(state);
  return { ...state, behindMs: states.find((each) => keyOf(each) === key)?.behindMs };
}

function ratesOf(
  before: readonly ChannelState[],
  found: readonly ChannelState[],
  seconds: number,
): Map<string, number> {
  const lastIds = new Map(before.map(({ channel, lastId }) => [channel, lastId]));
  return new Map(
    found.flatMap(({ channel, lastId = 0 }) => {
      const grown = lastId - (lastIds.get(channel) ?? lastId);
      return grown > 0 ? [[channel, grown / seconds] as const] : [];
    }),
  );
}
