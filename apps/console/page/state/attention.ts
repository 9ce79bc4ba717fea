import { computed } from '@preact/signals';
import type { ChannelState, ConsumerState, GroupState } from '../api/events-api.js';
import { count, formatDuration, formatNumber } from '../format.js';
import { storeIsReady } from './figures.js';
import { now } from './now.js';
import { channelHref } from './route.js';
import { historyOf, keyOf, lookedAtSince, type Readers, type ReadGroup, readers } from './survey.js';

/** Something that somebody should look at. */
export interface Concern {
  readonly severity: 'bad' | 'warning';
  /** What it is about, and where that is shown. */
  readonly subject: string;
  readonly href: string | undefined;
  readonly text: string;
}

/** A group that has events to hand out and does not is still after this, milliseconds. */
const STILL_MS = 20_000;
/** Between two looks at it, about. */
const EVERY_LOOK_MS = 10_000;
/** Whoever has not read an event that is older is behind, milliseconds. */
const BEHIND_MS = 10 * 60_000;

/** Whether it was not looked for long enough yet to see that a group stands still. */
export const isEarly = computed(
  () => lookedAtSince.value === undefined || now.value - lookedAtSince.value < STILL_MS + EVERY_LOOK_MS,
);

/** What needs attention, the worst first. */
export const concerns = computed<readonly Concern[]>(() => {
  const found = [...readers.value.values()].flatMap((each) => [
    ...each.groups.flatMap(concernOfGroup),
    ...each.consumers.flatMap((consumer) => concernOfConsumer(consumer, each)),
  ]);
  if (!storeIsReady.value) {
    found.push({
      severity: 'bad',
      subject: 'The store',
      href: undefined,
      text: 'takes no publishes: it is away, or the server is stopping',
    });
  }
  return found.sort((a, b) => Number(a.severity !== 'bad') - Number(b.severity !== 'bad'));
});

function concernOfGroup(state: ReadGroup): Concern[] {
  const { lag, behindMs = 0 } = state;
  const texts = troublesOf(state);
  if (!isStill(state) && lag > 0 && behindMs >= BEHIND_MS) texts.push(behindText(behindMs, lag));
  if (texts.length === 0) return [];
  const subject = `Group ${state.group} of ${state.channel}`;
  const isBad = state.isFull || isStill(state);
  return [
    {
      severity: isBad ? 'bad' : 'warning',
      subject,
      href: channelHref(state.channel, 'groups', state.group),
      text: texts.join('; '),
    },
  ];
}

/** What is wrong with a group, in words. */
export function troublesOf(state: GroupState): string[] {
  const { lag, isFull, deadLetters, missed, pending, oldestPendingMs = 0 } = state;
  const texts: string[] = [];
  if (isFull)
    texts.push(`holds as many events as it may (${count(pending, 'event')} out), so the others wait`);
  if (isStill(state)) {
    texts.push(`stands still: ${count(lag, 'event')} not handed out, and ${whoHasEvents(state)}`);
  } else if (oldestPendingMs > longestOutMs(state.settings)) {
    texts.push(`an event is out for ${formatDuration(oldestPendingMs)}, longer than all its deliveries take`);
  }
  if (deadLetters > 0) texts.push(count(deadLetters, 'dead letter'));
  if (missed > 0) texts.push(`${count(missed, 'event')} dropped before their turn`);
  return texts;
}

/** What its workers do, where nothing moves. */
function whoHasEvents({ workers, oldestPendingMs }: GroupState): string {
  const [first, ...others] = workers;
  if (first === undefined) return 'no worker has any';
  const who = others.length === 0 ? `${first.clientId} has` : `${count(workers.length, 'worker')} have`;
  const held = workers.reduce((sum, { pending }) => sum + pending, 0);
  const since = oldestPendingMs === undefined ? '' : `, the oldest for ${formatDuration(oldestPendingMs)}`;
  return `${who} ${formatNumber(held)}${since}`;
}

/** How long an event is out at most, milliseconds, unless a worker asks for more time, or nobody takes it. */
function longestOutMs({ leaseMs = 0, maxDeliveries = 1, backoffMs = [] }: GroupState['settings']): number {
  const pauses = Array.from({ length: maxDeliveries - 1 }, (_, i) => backoffMs[i] ?? backoffMs.at(-1) ?? 0);
  return pauses.reduce((sum, pauseMs) => sum + pauseMs, maxDeliveries * leaseMs);
}

function isStill(state: GroupState): boolean {
  if (state.lag === 0) return false;
  const history = historyOf(keyOf(state));
  const since = history.findLastIndex(({ after }) => after !== state.after) + 1;
  const first = history[since];
  return first !== undefined && Date.now() - first.at > STILL_MS;
}

function concernOfConsumer(consumer: ConsumerState, { channel }: Readers): Concern[] {
  const trouble = troubleOf(consumer, channel);
  if (trouble === undefined) return [];
  const subject = `Consumer ${consumer.clientId} of ${consumer.channel}`;
  return [{ ...trouble, subject, href: channelHref(channel.channel, 'consumers') }];
}

/** What is wrong with a consumer, if anything. `bounds`: of its channel, if they are known. */
export function troubleOf(
  { channel, after, behindMs = 0, lag }: ConsumerState,
  bounds: ChannelState | undefined,
): Pick<Concern, 'severity' | 'text'> | undefined {
  const dropped = (bounds?.firstId ?? 0) - after - 1;
  if (dropped > 0 && channel === bounds?.channel) {
    return { severity: 'bad', text: `${count(dropped, 'event')} dropped before it has read them` };
  }
  if (lag === 0 || behindMs < BEHIND_MS) return undefined;
  return { severity: 'warning', text: behindText(behindMs, lag) };
}

const behindText = (behindMs: number, lag: number) =>
  `is ${formatDuration(behindMs)} behind, by ${count(lag, 'event')}`;
