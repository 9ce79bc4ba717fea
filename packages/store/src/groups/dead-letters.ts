import { createHash } from 'node:crypto';
import { type Event, type EventInput, EventsError, parseChannel } from '@ganomede/events-protocol';
import { serialiseEvents } from '../events/serialise.js';
import { redactEvents } from '../forgetting/redact-events.js';
import { isRedacted } from '../forgetting/redaction.js';
import type { RetentionRules } from '../retention/retention-rules.js';
import type { AppendOutcome, Storage } from '../storage.js';
import { deadLettersOf } from './group-settings.js';
import type { BuriedEvent, DyingEvent, EndedDelivery, GroupScope, GroupSettings } from './group-storage.js';

/**
 * How long the append of a dead letter is known again, milliseconds: whoever comes next after a crash between it and the
 * burial repeats it.
 */
export const DEAD_LETTER_WINDOW_MS = 30 * 86_400_000;

/** The `data` of a dead letter. */
export type DeadLetterData = {
  /** The event as it was; only its `id` if the channel had dropped it. */
  readonly event: Event | { readonly id: number };
  readonly group: string;
  /** The channel name that the group is on. */
  readonly channel: string;
  /** How often it was delivered. */
  readonly count: number;
  /** Why the last worker gave it up. */
  readonly reason: string;
  /** Milliseconds since the Unix epoch. */
  readonly firstDeliveredAt: number;
  readonly endedAt: number;
  /** The worker that had it last. */
  readonly clientId: string;
  /** As in `DyingEvent`. */
  readonly deliveries: readonly EndedDelivery[];
};

/** Type of a dead letter whose event is gone. */
const TYPE_IF_GONE = 'dropped';

/** What dead letters need of the store that they are written to. */
export interface DeadLetterOptions {
  readonly storage: Storage;
  readonly typedChannels: boolean;
  readonly retention: RetentionRules;
}

/**
 * Writes the dead letters of events, each once however often this is repeated. Resolves with those that are written, or are not to be.
 * Rejects if the store is away or full.
 */
export async function writeDeadLetters(
  options: DeadLetterOptions,
  scope: GroupScope,
  settings: GroupSettings,
  dying: readonly DyingEvent[],
): Promise<BuriedEvent[]> {
  const name = deadLettersOf(scope, settings);
  if (name === undefined) return dying.map(({ id }) => ({ id, deadLetterId: undefined }));
  const texts = await originalTexts(options, scope, settings, dying);
  // Each is its own append, since each has its own record; an engine writes them together.
  const writing = dying.map(async (one, i) => {
    const letter = deadLetter(scope, one, texts[i]);
    const { firstId, kind } = await writeOnce(options, scope, name, one, letter);
    return { id: one.id, deadLetterId: firstId, text: texts[i], isRepeated: kind === 'repeated' };
  });
  const written = await Promise.allSettled(writing);
  const buried = written.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const failed = written.find((one) => one.status === 'rejected');
  if (buried.length === 0 && failed) throw failed.reason;
  // Who has redacted an event meanwhile could not see its dead letter.
  const holding = buried.filter(({ text, isRepeated }) => text && (isRepeated || !isRedacted(text)));
  await redactLetters(options, scope, name, holding);
  return buried.map(({ id, deadLetterId }) => ({ id, deadLetterId }));
}

/** Redacts those dead letters whose events are. */
async function redactLetters(
  { storage, typedChannels }: DeadLetterOptions,
  scope: GroupScope,
  name: string,
  letters: readonly { readonly id: number; readonly deadLetterId: number }[],
): Promise<void> {
  const ids = letters.map(({ id }) => id);
  const texts = await storage.eventsById(scope.channel, ids);
  const redacted = letters.filter((_, i) => isRedacted(texts[i] ?? Buffer.of()));
  if (redacted.length === 0) return;
  const letterIds = redacted.map(({ deadLetterId }) => deadLetterId);
  const { channel } = parseChannel(name, typedChannels);
  await redactEvents(storage, channel, letterIds, (each) => parseChannel(each, typedChannels));
}

/**
 * The JSON texts of events, in the order of `wanted`: of one that the channel has dropped and that was a dead letter what that
 * holds; undefined if neither has it.
 */
export async function originalTexts(
  { storage, typedChannels }: Pick<DeadLetterOptions, 'storage' | 'typedChannels'>,
  scope: GroupScope,
  settings: GroupSettings,
  wanted: readonly { readonly id: number; readonly deadLetterId: number | undefined }[],
): Promise<(Buffer | undefined)[]> {
  const texts = [
    ...(await storage.eventsById(
      scope.channel,
      wanted.map(({ id }) => id),
    )),
  ];
  const name = deadLettersOf(scope, settings);
  if (name === undefined) return texts;
  const letters = wanted.flatMap(({ id, deadLetterId }, i) =>
    texts[i] === undefined && deadLetterId !== undefined ? [{ i, id, deadLetterId }] : [],
  );
  if (letters.length === 0) return texts;
  const { channel } = parseChannel(name, typedChannels);
  const found = await storage.eventsById(
    channel,
    letters.map(({ deadLetterId }) => deadLetterId),
  );
  for (const [j, { i, id }] of letters.entries()) texts[i] = eventIn(found[j], scope.group, id);
  return texts;
}

/** The event that a dead letter holds, unless it is another one: the group may have had another channel for them. */
function eventIn(letter: Buffer | undefined, group: string, id: number): Buffer | undefined {
  if (letter === undefined) return undefined;
  const { data } = JSON.parse(letter.toString()) as { readonly data?: Partial<DeadLetterData> };
  const { event } = data ?? {};
  if (data?.group !== group || event?.id !== id || !('type' in event)) return undefined;
  return Buffer.from(JSON.stringify(event));
}

function deadLetter(
  { channel, type, group }: GroupScope,
  { id, count, reason, firstDeliveredAt, endedAt, clientId, deliveries = [] }: DyingEvent,
  text: Buffer | undefined,
): EventInput {
  const event = text ? (JSON.parse(text.toString()) as Event) : { id };
  const data: DeadLetterData = {
    event,
    group,
    channel: type === undefined ? channel : `${channel}:${type}`,
    count,
    reason,
    firstDeliveredAt,
    endedAt,
    clientId,
    deliveries,
  };
  return { from: group, type: 'type' in event ? event.type : TYPE_IF_GONE, data };
}

async function writeOnce(
  { storage, typedChannels, retention }: DeadLetterOptions,
  { channel, type, group }: GroupScope,
  name: string,
  { id, deadLetterId, firstDeliveredAt, endedAt }: DyingEvent,
  letter: EventInput,
): Promise<Extract<AppendOutcome, { firstId: number }>> {
  const events = serialiseEvents(name, [letter], typedChannels);
  const turn = [name, channel, type ?? null, group, id, deadLetterId ?? 0, firstDeliveredAt, endedAt];
  const hash = createHash('sha256').update(JSON.stringify(turn)).digest('base64url').slice(0, 22);
  const target = parseChannel(name, typedChannels).channel;
  const outcome = await storage.append({
    channel: target,
    events,
    bytes: events.reduce((sum, { text }) => sum + text.length, 0),
    maxEvents: retention.of(target).maxEvents,
    // The event may have been dropped since it was written first: it is the same dead letter all the same.
    idempotency: { scope: hash, fingerprint: hash, windowMs: DEAD_LETTER_WINDOW_MS },
  });
  if (!('firstId' in outcome))
    throw new EventsError('Internal', 'A dead letter has the key of another append');
  return outcome;
}
