import type { Command } from 'commander';
import { duration, number } from '../terminal/wording.js';
import type { Context, Runner } from './context.js';
import { allChannels, type ListedChannel } from './listings.js';

export function addChannels(program: Command, run: Runner): void {
  program
    .command('channels')
    .summary('list channels')
    .description('Lists channels: how many events each keeps, and how old the newest is.')
    .argument('[prefix]', 'only names that begin like this')
    .action(run(channels));
}

async function channels(context: Context, prefix: string | undefined): Promise<void> {
  const listed: ListedChannel[] = [];
  for await (const channel of allChannels(context, prefix)) listed.push(channel);
  const now = Date.now();
  await context.terminal.list(
    listed,
    [
      { title: 'CHANNEL', text: ({ channel }) => channel },
      { title: 'EVENTS', text: eventsOf, isNumber: true },
      { title: 'FIRST ID', text: ({ firstId }) => firstId?.toString(), isNumber: true },
      { title: 'LAST ID', text: ({ lastId }) => lastId?.toString(), isNumber: true },
      {
        title: 'NEWEST',
        text: ({ lastTimestamp }) =>
          lastTimestamp === undefined ? undefined : `${duration(Math.max(0, now - lastTimestamp))} ago`,
      },
    ],
    prefix === undefined ? 'There are no channels.' : 'There is no channel whose name begins like this.',
  );
}

function eventsOf({ firstId, lastId }: ListedChannel): string | undefined {
  if (firstId === undefined || lastId === undefined) return undefined;
  return number(firstId === 0 ? 0 : lastId - firstId + 1);
}
