import type { Command } from 'commander';
import { duration, named, number } from '../terminal/wording.js';
import type { Context, Runner } from './context.js';
import { allConsumers, channelsOf, type ListedConsumer } from './listings.js';

export function addConsumers(program: Command, run: Runner): void {
  program
    .command('consumers')
    .summary('show who reads, and how far behind each is')
    .description(
      'Shows the consumers of a channel and its types, or of every channel: each that has a saved cursor, and how many events lie ' +
        'ahead of it. Groups are shown by `groups`.',
    )
    .argument('[channel]', 'such as orders; default: every channel')
    .option('--lagging', 'only those that are behind')
    .action(run(consumers));
}

async function consumers(
  context: Context,
  channel: string | undefined,
  { lagging }: { readonly lagging?: true },
): Promise<void> {
  const shown: ListedConsumer[] = [];
  for (const name of await channelsOf(context, channel)) {
    for await (const consumer of allConsumers(context, name))
      if (!lagging || consumer.lag !== 0) shown.push(consumer);
  }
  const now = Date.now();
  await context.terminal.list(
    shown,
    [
      { title: 'CHANNEL', text: (consumer) => consumer.channel },
      { title: 'CONSUMER', text: ({ clientId }) => clientId },
      { title: 'AFTER', text: ({ after }) => after.toString(), isNumber: true },
      { title: 'LAG', text: ({ lag }) => (lag === undefined ? undefined : number(lag)), isNumber: true },
      {
        title: 'BEHIND',
        text: ({ behindMs }) => (behindMs === undefined ? undefined : duration(behindMs)),
        isNumber: true,
      },
      {
        title: 'SEEN',
        text: ({ savedAt }) =>
          savedAt === undefined ? undefined : `${duration(Math.max(0, now - savedAt))} ago`,
      },
    ],
    `${lagging ? 'No consumer is behind' : 'There are no consumers'}${channel === undefined ? '' : ` on ${named(channel)}`}.`,
  );
}
