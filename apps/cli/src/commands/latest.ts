import { api } from '@ganomede/events-client';
import type { Command } from 'commander';
import { eventLine } from '../terminal/event-line.js';
import { named } from '../terminal/wording.js';
import type { Context, Runner } from './context.js';
import { countValue } from './values.js';

interface LatestOptions {
  readonly type?: string;
  readonly limit: number;
  readonly before?: number;
}

export function addLatest(program: Command, run: Runner): void {
  program
    .command('latest')
    .summary('show the newest events of a channel')
    .description('Shows the newest events of a channel, oldest first.')
    .argument('<channel>', 'such as orders, or orders:paid for one type')
    .option('--type <type>', 'only events of this type')
    .option('-n, --limit <count>', 'how many', countValue, 10)
    .option('--before <id>', 'only events with a lower id: the page before', countValue)
    .action(run(latest));
}

async function latest(
  { terminal, server, signal }: Context,
  name: string,
  { type, limit, before }: LatestOptions,
): Promise<void> {
  const channel = type === undefined ? name : `${name}:${type}`;
  const events = await api.latest(server, { channel, limit, before, signal });
  if (events.length === 0 && !terminal.isJson) terminal.say(`There are no events in ${named(channel)}.`);
  for (const event of events)
    await terminal.line(terminal.isJson ? JSON.stringify(event) : eventLine(event, terminal));
}
