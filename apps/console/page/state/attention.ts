import { computed } from '@preact/signals';
import type { ConsumerState, GroupState } from '../api/events-api.js';
import { count, formatDuration } from '../format.js';
import { storeIsReady } from './figures.js';
import { channelHref } from './route.js';
import { historyOf, keyOf, type Readers, readers } from './survey.js';

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
/** A consumer whose next event is older is behind, milliseconds. */
const BEHIND_MS = 10 * 60_000;

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

function concernOfGroup(state: GroupState): Concern[] {
  const texts = troublesOf(state);
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
  const { lag, isFull, deadLetters, missed, pending, workers } = state;
  const texts: string[] = [];
  if (isFull)
    texts.push(`holds as many events as it may (${count(pending, 'event')} out), so the others wait`);
  if (isStill(state)) {
    const nobody = workers.length === 0 ? ', and no worker has any' : '';
    texts.push(`stands still: ${count(lag, 'event')} not handed out${nobody}`);
  }
  if (deadLetters > 0) texts.push(count(deadLetters, 'dead letter'));
  if (missed > 0) texts.push(`${count(missed, 'event')} dropped before their turn`);
  return texts;
}

function isStill(state: GroupState): boolean {
  if (state.lag === 0) return false;
  const history = historyOf(keyOf(state));
  const since = history.findLastIndex(({ after }) => after !== state.after) + 1;
  const first = history[since];
  return first !== undefined && Date.now() - first.at > STILL_MS;
}

function concernOfConsumer(consumer: ConsumerState, { channel }: Readers): Concern[] {
  const { clientId = '', after, behindMs = 0, lag } = consumer;
  const subject = `Consumer ${clientId} of ${consumer.channel}`;
  const href = channelHref(channel.channel, 'consumers');
  const dropped = (channel.firstId ?? 0) - after - 1;
  if (dropped > 0 && consumer.channel === channel.channel) {
    const text = `${count(dropped, 'event')} dropped before it has read them`;
    return [{ severity: 'bad', subject, href, text }];
  }
  if (lag === 0 || behindMs < BEHIND_MS) return [];
  const text = `is ${formatDuration(behindMs)} behind, by ${count(lag, 'event')}`;
  return [{ severity: 'warning', subject, href, text }];
}
