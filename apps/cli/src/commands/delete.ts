import { api } from '@ganomede/events-client';
import type { Command } from 'commander';
import { CliError } from '../terminal/cli-error.js';
import { EXIT } from '../terminal/exit-codes.js';
import { counted, named } from '../terminal/wording.js';
import type { Context, Runner } from './context.js';
import { boundsOf } from './listings.js';

interface DeleteOptions {
  readonly yes?: boolean;
}

export function addDelete(program: Command, run: Runner): void {
  const command = program
    .command('delete')
    .summary('delete a channel, a consumer or a group')
    .description('Deletes a channel, the cursor of a consumer, or a group, for good. Asks first.');
  command
    .command('channel')
    .summary('its events, cursors, groups and indices')
    .description(
      'Deletes a channel with its events, cursors, groups and indices. Used again, its ids go on counting.',
    )
    .argument('<channel>', 'such as orders')
    .option('-y, --yes', 'do not ask')
    .action(run(deleteChannel));
  command
    .command('consumer')
    .summary('its saved cursor')
    .description('Forgets the saved cursor of a consumer: if it reads again it begins as a new one.')
    .argument('<channel>', 'the channel name that it reads, such as orders')
    .argument('<consumer>', 'its client id')
    .option('-y, --yes', 'do not ask')
    .action(run(deleteConsumer));
  command
    .command('group')
    .summary('with its settings and what is pending')
    .description(
      'Deletes a group with its settings and what is pending. Events and dead letters stay in their channels.',
    )
    .argument('<channel>', 'the channel name that it is on, such as orders')
    .argument('<group>', 'its name')
    .option('-y, --yes', 'do not ask')
    .action(run(deleteGroup));
}

async function deleteChannel(
  context: Context,
  channel: string,
  { yes = false }: DeleteOptions,
): Promise<void> {
  const { server, signal, terminal } = context;
  const bounds = await boundsOf(context, channel);
  if (bounds === undefined) throw new CliError(`There is no channel ${named(channel)}.`, EXIT.notFound);
  const count = bounds.firstId === 0 ? 0 : bounds.lastId - bounds.firstId + 1;
  await terminal.confirm(
    `${named(channel)} will be deleted for good, with ${counted(count, 'event')}, its cursors, groups and indices.`,
    yes,
  );
  await api.deleteChannel(server, { channel, signal });
  await terminal.result({ channel, deleted: true }, `${named(channel)} is deleted.`);
}

async function deleteConsumer(
  { server, signal, terminal }: Context,
  channel: string,
  clientId: string,
  { yes = false }: DeleteOptions,
): Promise<void> {
  await terminal.confirm(`Where ${named(clientId)} is in ${named(channel)} will be forgotten.`, yes);
  await api.deleteConsumer(server, { channel, clientId, signal });
  await terminal.result({ channel, clientId, deleted: true }, `${named(clientId)} is forgotten.`);
}

async function deleteGroup(
  { server, signal, terminal }: Context,
  channel: string,
  group: string,
  { yes = false }: DeleteOptions,
): Promise<void> {
  const states = await api.groups(server, { channel, signal });
  const state = states.find((one) => one.group === group && one.channel === channel);
  if (state === undefined)
    throw new CliError(`There is no group ${named(group)} on ${named(channel)}.`, EXIT.notFound);
  await terminal.confirm(
    `The group ${named(group)} on ${named(channel)} will be deleted for good, with ${counted(state.pending, 'pending event')} and ` +
      `${counted(state.deadLetters, 'dead letter')} that can then no longer be redriven.`,
    yes,
  );
  await api.deleteGroup(server, { channel, group, signal });
  await terminal.result({ channel, group, deleted: true }, `The group ${named(group)} is deleted.`);
}
