import { type IndexDefinition, MAX_NAME_LENGTH, NAME_PATTERN, parseChannel } from '@ganomede/events-protocol';
import {
  type ConsumerName,
  consumersOf,
  counterKey,
  cursorKey,
  eventKeysKey,
  formerCounterKey,
  parseId,
  possibleKeys,
} from './original-keys.js';
import type { OriginalRedis } from './original-redis.js';

/** Most examples of keys that nobody knows. */
const MOST_EXAMPLES = 10;

type Surveyed = Pick<OriginalRedis, 'keys' | 'texts' | 'extents'>;

/** What an original has in its Redis. */
export interface OriginalSurvey {
  /** Sorted by name. */
  readonly channels: readonly OriginalChannel[];
  readonly cursors: readonly OriginalCursor[];
  /** Sorted by id. */
  readonly indices: readonly IndexDefinition[];
  /** What is not brought over as it is, or had to be guessed. */
  readonly problems: readonly MigrationProblem[];
  /** Channels whose names are `channel:type` if typed channels are on: somebody has to decide what becomes of them. */
  readonly typedNames: readonly string[];
  /** Keys of something else, which are left alone. */
  readonly otherKeys: { readonly count: number; readonly examples: readonly string[] };
}

export interface OriginalChannel {
  readonly name: string;
  /** How many events there are. */
  readonly events: number;
  /** The newest id given. Of those up to here that have no event it is a gap, which stays one. */
  readonly lastId: number;
}

export interface OriginalCursor extends ConsumerName {
  /** Id of the last event seen. */
  readonly after: number;
}

export interface MigrationProblem {
  /**
   * - `undecided-names`: see `typedNames`
   * - `illegal-name`: the name cannot be used here, and is left out with all that hangs on it
   * - `ambiguous-cursor`: clientId and channel can be told apart in several ways; the longest channel was taken
   * - `unknown-channel`: a cursor on a channel that never had an event is left out
   * - `cursor-ahead`: a cursor beyond the newest id is brought as it is, and goes back to that at its first read
   * - `not-understood`: what is at the key is none of what it should be, and is left out
   * - `damaged-event`: an event that cannot be read is left out; its id becomes a gap
   * - `index-conflict`: the target has another index of this id, which stays
   * - `published-after-switch`: events came to the original after the last look, and are not brought
   */
  readonly kind:
    | 'undecided-names'
    | 'illegal-name'
    | 'ambiguous-cursor'
    | 'unknown-channel'
    | 'cursor-ahead'
    | 'not-understood'
    | 'damaged-event'
    | 'index-conflict'
    | 'published-after-switch';
  /** The key or the name that it is about. */
  readonly subject: string;
  /** A sentence. */
  readonly message: string;
}

/** Keys by what they may be, as they come. A key that comes twice counts once. */
class Candidates {
  readonly channels = new Set<string>();
  readonly counters = new Set<string>();
  readonly formerCounters = new Set<string>();
  readonly cursors = new Set<string>();
  readonly examples: string[] = [];
  others = 0;

  add(key: string): void {
    const possible = possibleKeys(key);
    for (const each of possible) {
      if (each.kind === 'channel') this.channels.add(each.name);
      else if (each.kind === 'counter') this.counters.add(each.name);
      else if (each.kind === 'former counter') this.formerCounters.add(each.name);
      else if (each.kind === 'cursor') this.cursors.add(each.name);
    }
    // This project's own, if it is brought in place.
    if (possible.length === 0 && !key.startsWith('events:')) this.addOther(key);
  }

  addOther(key: string): void {
    this.others += 1;
    if (this.examples.length < MOST_EXAMPLES) this.examples.push(key);
  }
}

/**
 * Looks through all keys of an original's Redis, of which nothing is changed. What is published meanwhile may be seen or not.
 *
 * @throws EventsError `ServiceUnavailable` (as a rejection) if Redis cannot be reached
 */
export async function surveyOriginal(original: Surveyed, signal?: AbortSignal): Promise<OriginalSurvey> {
  const candidates = new Candidates();
  for await (const keys of original.keys(signal)) for (const key of keys) candidates.add(key);
  const problems: MigrationProblem[] = [];
  // First: those of consumers that go on would else be beyond the counters.
  const savedCursors = await original.texts([...candidates.cursors].map(cursorKey));
  const { counters, indices } = await readCounters(original, candidates, problems);
  const channels = await findChannels(original, candidates, counters, problems);
  const isChannel = (name: string) => channels.has(name);
  const cursors = readCursors(candidates, savedCursors, isChannel, problems);
  const legal = [...channels.values()].filter(({ name }) => isLegal(name, eventKeysKey(name), problems));
  return {
    channels: legal.sort((a, b) => compare(a.name, b.name)),
    cursors: cursors.filter((cursor) => isLegalCursor(cursor, channels, problems)),
    indices: indices
      .filter(({ id, channel, field }) =>
        [id, channel, field].every((name) => isLegal(name, counterKey(id), problems)),
      )
      .sort((a, b) => compare(a.id, b.id)),
    problems,
    typedNames: legal.map(({ name }) => name).filter((name) => parseChannel(name, true).type !== undefined),
    otherKeys: { count: candidates.others, examples: candidates.examples },
  };
}

/** Counters and indices have the same prefix, and are told apart by what they hold. */
async function readCounters(
  original: Surveyed,
  candidates: Candidates,
  problems: MigrationProblem[],
): Promise<{ counters: Map<string, number>; indices: IndexDefinition[] }> {
  const names = [...candidates.counters];
  const texts = await original.texts(names.map(counterKey));
  const counters = new Map<string, number>();
  const indices: IndexDefinition[] = [];
  for (const [i, name] of names.entries()) {
    const text = texts[i];
    const id = parseId(text);
    const index = text === undefined ? undefined : parseIndex(text);
    if (id !== undefined) counters.set(name, id);
    else if (index?.id === name) indices.push(index);
    else if (!isKnownOtherwise(counterKey(name))) {
      problems.push({
        kind: 'not-understood',
        subject: counterKey(name),
        message: 'Expected the newest id of a channel, or the definition of an index of this id.',
      });
    }
  }
  return { counters, indices };
}

/** Whether a key may well be something else than what it begins with. */
function isKnownOtherwise(key: string): boolean {
  return possibleKeys(key).length > 1;
}

function parseIndex(text: string): IndexDefinition | undefined {
  try {
    const { id, channel, field } = JSON.parse(text) as Record<string, unknown>;
    if ([id, channel, field].every((each) => typeof each === 'string' && each !== '')) {
      return { id, channel, field } as IndexDefinition;
    }
  } catch {
    // It is none.
  }
  return undefined;
}

async function findChannels(
  original: Surveyed,
  candidates: Candidates,
  counters: ReadonlyMap<string, number>,
  problems: MigrationProblem[],
): Promise<Map<string, OriginalChannel>> {
  const names = [...candidates.channels];
  const extents = await original.extents(names);
  const former = names.filter((name) => candidates.formerCounters.has(name));
  const formerTexts = await original.texts(former.map(formerCounterKey));
  const formerIds = new Map(former.map((name, i) => [name, parseId(formerTexts[i]) ?? 0]));
  const channels = new Map<string, OriginalChannel>();
  const unreadable = new Set<string>();
  for (const [i, name] of names.entries()) {
    const extent = extents[i];
    const subject = eventKeysKey(name);
    if (extent?.isOfOriginal !== true && !counters.has(name)) {
      candidates.addOther(subject);
      continue;
    }
    if (extent === undefined) {
      unreadable.add(name);
      problems.push({
        kind: 'not-understood',
        subject,
        message: 'Expected a sorted set with the keys of the events of a channel; the channel is left out.',
      });
      continue;
    }
    const { events, newestId, others } = extent;
    if (others > 0) {
      problems.push({
        kind: 'not-understood',
        subject,
        message: `Expected ids from 1 to ${Number.MAX_SAFE_INTEGER}; ${others} with others are left out.`,
      });
    }
    // A counter that is gone, or was put back, is no reason to give ids again.
    const lastId = Math.max(counters.get(name) ?? 0, formerIds.get(name) ?? 0, newestId);
    channels.set(name, { name, events, lastId });
  }
  for (const [name, lastId] of counters) {
    if (!channels.has(name) && !unreadable.has(name)) channels.set(name, { name, events: 0, lastId });
  }
  return channels;
}

/** `texts`: what is saved, in the order of the candidates. */
function readCursors(
  candidates: Candidates,
  texts: readonly (string | undefined)[],
  isChannel: (name: string) => boolean,
  problems: MigrationProblem[],
): OriginalCursor[] {
  const cursors: OriginalCursor[] = [];
  for (const [i, name] of [...candidates.cursors].entries()) {
    const subject = cursorKey(name);
    const after = parseId(texts[i]);
    if (after === undefined) {
      // A channel may be called so.
      if (isKnownOtherwise(subject)) continue;
      problems.push({
        kind: 'not-understood',
        subject,
        message: 'Expected the id of the last event that a consumer has seen.',
      });
      continue;
    }
    const [consumer, ...others] = consumersOf(name, isChannel);
    if (consumer === undefined) {
      problems.push({
        kind: 'unknown-channel',
        subject,
        message: 'The cursor is on a channel that never had an event, and is left out.',
      });
      continue;
    }
    if (others.length > 0) {
      const more = others.map(
        ({ clientId, channel }) => `${JSON.stringify(clientId)} on ${JSON.stringify(channel)}`,
      );
      problems.push({
        kind: 'ambiguous-cursor',
        subject,
        message: `Taken as that of ${JSON.stringify(consumer.clientId)} on ${JSON.stringify(consumer.channel)}; it may be that of ${more.join(', or ')}.`,
      });
    }
    cursors.push({ ...consumer, after });
  }
  return cursors;
}

function isLegalCursor(
  { clientId, channel, after }: OriginalCursor,
  channels: ReadonlyMap<string, OriginalChannel>,
  problems: MigrationProblem[],
): boolean {
  const subject = cursorKey(`${clientId}:${channel}`);
  const { lastId = 0 } = channels.get(channel) ?? {};
  if (after > lastId) {
    problems.push({
      kind: 'cursor-ahead',
      subject,
      message: `Expected at most ${lastId}, the newest id of ${JSON.stringify(channel)}, got ${after}; it goes back to that at its first read.`,
    });
  }
  // Of the channel it is said already.
  return isLegal(channel, subject, []) && isLegal(clientId, subject, problems);
}

function isLegal(name: string, subject: string, problems: MigrationProblem[]): boolean {
  if (name !== '' && name.length <= MAX_NAME_LENGTH && NAME_PATTERN.test(name)) return true;
  problems.push({
    kind: 'illegal-name',
    subject,
    message: `Expected names of 1 to ${MAX_NAME_LENGTH} characters, none of them a control character, got ${JSON.stringify(name)}; it is left out.`,
  });
  return false;
}

/** In the order of their UTF-16 code units. */
function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
