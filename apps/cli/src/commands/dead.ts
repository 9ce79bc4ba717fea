import { api, type GroupState } from '@ganomede/events-client';
import { type Event, parseChannel } from '@ganomede/events-protocol';
import type { Command } from 'commander';
import { CliError } from '../terminal/cli-error.js';
import { EXIT } from '../terminal/exit-codes.js';
import { printable } from '../terminal/printable.js';
import { Progress } from '../terminal/progress.js';
import { counted, duration, named } from '../terminal/wording.js';
import type { Context, Runner } from './context.js';
import { countValue, idsValue, idValue } from './values.js';

/** More than these are asked about. */
const MANY = 10;
/** Dead letters in a request. */
const PAGE = 1_000;

/** A dead letter that can be read as one. */
interface DeadLetter {
  /** Of the dead letter itself. */
  readonly id: number;
  /** Where it stands. */
  readonly deadLetters: string;
  readonly channel: string;
  readonly group: string;
  readonly event: Partial<Event> & { readonly id: number };
  readonly count?: number;
  readonly reason?: string;
  readonly endedAt?: number;
}

export function addDead(program: Command, run: Runner): void {
  const dead = program
    .command('dead')
    .summary('list, show and redrive dead letters')
    .description(
      'Dead letters: events that a group has given up, after too many deliveries or because a worker rejected them.',
    );
  dead
    .command('list')
    .summary('list the newest dead letters')
    .description(
      'Lists the newest dead letters of the groups of a channel. One that was redriven stays in the list, which is a record; ' +
        '`groups` counts those that wait.',
    )
    .argument('<channel>', 'such as orders')
    .option('--group <name>', 'only of this group')
    .option('-n, --limit <count>', 'how many', countValue, 20)
    .action(run(list));
  dead
    .command('show')
    .summary('show a dead letter with its event')
    .description('Shows the newest dead letter of an event: what the event holds, and why it was given up.')
    .argument('<channel>', 'such as orders')
    .argument('<event-id>', 'of the event, as `dead list` shows it', idValue)
    .option('--group <name>', 'only of this group')
    .action(run(show));
  dead
    .command('redrive')
    .summary('hand dead letters out again')
    .description(
      'Hands dead letters out again, as if they had not been delivered yet: those of the events with these ids, or without ids all that ' +
        `wait, oldest first. Asks before more than ${MANY}.`,
    )
    .argument('<channel>', 'the channel name that the group is on, such as orders')
    .argument('<group>', 'the group')
    .argument('[event-ids...]', 'ids of events, or ranges such as 10-19', idsValue)
    .option('-n, --limit <count>', 'at most so many', countValue)
    .option('-y, --yes', 'do not ask')
    .action(run(redrive));
}

async function list(
  context: Context,
  channel: string,
  { group, limit }: { readonly group?: string; readonly limit: number },
): Promise<void> {
  const { terminal } = context;
  const letters: DeadLetter[] = [];
  for await (const letter of newestFirst(context, channel, group)) {
    letters.push(letter);
    if (letters.length === limit) break;
  }
  const now = Date.now();
  await terminal.list(
    letters,
    [
      { title: 'EVENT', text: ({ event }) => event.id.toString(), isNumber: true },
      { title: 'TYPE', text: ({ event }) => event.type },
      { title: 'CHANNEL', text: (letter) => letter.channel },
      { title: 'GROUP', text: (letter) => letter.group },
      { title: 'DELIVERED', text: ({ count }) => count?.toString(), isNumber: true },
      {
        title: 'ENDED',
        text: ({ endedAt }) =>
          endedAt === undefined ? undefined : `${duration(Math.max(0, now - endedAt))} ago`,
      },
      { title: 'REASON', text: ({ reason }) => reason?.slice(0, 80) },
    ],
    `There are no dead letters of ${named(channel)}.`,
  );
}

async function show(
  context: Context,
  channel: string,
  eventId: number,
  { group }: { readonly group?: string },
): Promise<void> {
  const { terminal } = context;
  for await (const letter of newestFirst(context, channel, group)) {
    if (letter.event.id !== eventId) continue;
    const text = JSON.stringify(letter, undefined, 2).split('\n').map(printable).join('\n');
    await terminal.result(letter, text);
    return;
  }
  throw new CliError(`Event ${eventId} of ${named(channel)} is no dead letter.`, EXIT.notFound);
}

async function redrive(
  context: Context,
  channel: string,
  group: string,
  given: readonly number[],
  { limit = Number.POSITIVE_INFINITY, yes = false }: { readonly limit?: number; readonly yes?: boolean },
): Promise<void> {
  const { server, signal, terminal } = context;
  const ids = given.length === 0 ? undefined : given;
  const states = await api.groups(server, { channel, signal });
  const state = states.find((one) => one.group === group && one.channel === channel);
  if (state === undefined)
    throw new CliError(`There is no group ${named(group)} on ${named(channel)}.`, EXIT.notFound);
  const total = Math.min(ids?.length ?? state.deadLetters, limit);
  if (total > MANY) {
    const asked = `${counted(total, 'dead letter')} of ${named(group)} on ${named(channel)} will be handed out again.`;
    await terminal.confirm(asked, yes);
  }
  const progress = new Progress(terminal.stderr, 'Redriving', total);
  const redriven: number[] = [];
  try {
    for (let asked = 0; asked < total && !signal.aborted; asked += PAGE) {
      const page = Math.min(PAGE, total - asked);
      const which = ids === undefined ? { limit: page } : { ids: ids.slice(asked, asked + page) };
      const done = await api.redrive(server, { channel, group, signal, ...which });
      redriven.push(...done);
      progress.show(redriven.length);
      if (ids === undefined && done.length < page) break;
    }
  } finally {
    progress.end();
  }
  const sentence = `${counted(redriven.length, 'dead letter')} of ${named(group)} handed out again.`;
  await terminal.result({ channel, group, ids: redriven }, sentence);
  const missing = (ids?.slice(0, total) ?? []).filter((id) => !redriven.includes(id));
  if (missing.length > 0 && !signal.aborted)
    throw new CliError(`No dead letters that wait: ${missing.slice(0, 10).join(', ')}.`, EXIT.notFound);
}

/** The dead letters of the groups of a channel. */
async function* newestFirst(
  context: Context,
  channel: string,
  group: string | undefined,
): AsyncGenerator<DeadLetter> {
  const { server, signal } = context;
  const states = await api.groups(server, { channel, signal });
  const names = new Set(
    states.filter((state) => group === undefined || state.group === group).map(deadLettersOf),
  );
  for (const name of names) {
    if (name === undefined) continue;
    for (let before: number | undefined; ; ) {
      const events = await api.latest(server, { channel: name, limit: PAGE, before, signal });
      for (const event of events.toReversed()) {
        const letter = letterIn(event, name);
        if (letter !== undefined && (group === undefined || letter.group === group)) yield letter;
      }
      if (events.length < PAGE) break;
      before = events[0]?.id;
    }
  }
}

/** The channel of the dead letters of a group, or one that has them among others; undefined if they are only counted. */
function deadLettersOf({ channel, settings }: GroupState): string | undefined {
  const { deadLetters = `${parseChannel(channel, true).channel}.dead-letters` } = settings;
  return deadLetters === 'none' ? undefined : deadLetters;
}

/** Undefined if it is none: anybody may send to the channel. */
function letterIn({ id, data }: Event, deadLetters: string): DeadLetter | undefined {
  const letter = data as Partial<Omit<DeadLetter, 'id'>> | undefined;
  if (typeof letter?.event?.id !== 'number') return undefined;
  if (typeof letter.group !== 'string' || typeof letter.channel !== 'string') return undefined;
  return { ...letter, id, deadLetters } as DeadLetter;
}
