import { api, type GroupState } from '@ganomede/events-client';
import type { Command } from 'commander';
import { duration, named, number } from '../terminal/wording.js';
import type { Context, Runner } from './context.js';
import { channelsOf } from './listings.js';

export function addGroups(program: Command, run: Runner): void {
  program
    .command('groups')
    .summary('show groups: lag, pending, redelivered, dead')
    .description(
      'Shows the groups of a channel and its types, or of every channel. LAG: events that were not handed out yet. PENDING: handed ' +
        'out and not settled. HELD: behind another of their value. DEAD: given up, and not handed out again. FULL: nothing more is ' +
        'handed out before some of it is settled.',
    )
    .argument('[channel]', 'such as orders; default: every channel')
    .action(run(groups));
}

async function groups(context: Context, channel: string | undefined): Promise<void> {
  const { server, signal, terminal } = context;
  const states: GroupState[] = [];
  for (const name of await channelsOf(context, channel))
    states.push(...(await api.groups(server, { channel: name, signal })));
  await terminal.list(
    states,
    [
      { title: 'CHANNEL', text: (state) => state.channel },
      { title: 'GROUP', text: ({ group }) => group },
      { title: 'LAG', text: ({ lag }) => number(lag), isNumber: true },
      { title: 'PENDING', text: ({ pending }) => number(pending), isNumber: true },
      { title: 'HELD', text: ({ heldBack }) => number(heldBack), isNumber: true },
      { title: 'REDELIVERED', text: ({ redelivered }) => number(redelivered), isNumber: true },
      { title: 'DEAD', text: ({ deadLetters }) => number(deadLetters), isNumber: true },
      { title: 'MISSED', text: ({ missed }) => number(missed), isNumber: true },
      {
        title: 'OLDEST',
        text: ({ oldestPendingMs }) =>
          oldestPendingMs === undefined ? undefined : duration(oldestPendingMs),
        isNumber: true,
      },
      { title: 'WORKERS', text: ({ workers }) => number(workers.length), isNumber: true },
      { title: 'FULL', text: ({ isFull }) => (isFull ? 'yes' : 'no') },
    ],
    channel === undefined ? 'There are no groups.' : `There are no groups on ${named(channel)}.`,
  );
}
