import { api } from '@ganomede/events-client';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { CliError, wrongUsage } from '../terminal/cli-error.js';
import { EXIT } from '../terminal/exit-codes.js';
import { counted, idsBetween, named } from '../terminal/wording.js';
import type { Context, Runner } from './context.js';
import { boundsOf } from './listings.js';
import { idValue, timeValue } from './values.js';

interface TrimOptions {
  readonly before?: number | Date;
  readonly keep?: number;
  readonly yes?: boolean;
}

export function addTrim(program: Command, run: Runner): void {
  program
    .command('trim')
    .summary('drop the oldest events of a channel')
    .description('Drops the oldest events of a channel for good. Says how many, and asks first.')
    .argument('<channel>', 'such as orders')
    .addOption(
      new Option(
        '--before <id or time>',
        'the oldest id to keep, or the oldest time (2026-11-28T16:00:00Z, or so long ago: 30d)',
      )
        .argParser(idOrTime)
        .conflicts('keep'),
    )
    .option('--keep <count>', 'how many of the newest to keep; 0 drops all', idValue)
    .option('-y, --yes', 'do not ask')
    .action(run(trim));
}

/** As the server does, a number of 13 digits is a time. */
function idOrTime(text: string): number | Date {
  if (/^\d{1,12}$/.test(text)) return idValue(text);
  try {
    return timeValue(text);
  } catch {
    throw new InvalidArgumentError(
      'Expected an id, a time such as 2026-11-28T16:00:00Z, or how long ago, such as 30d.',
    );
  }
}

async function trim(
  context: Context,
  channel: string,
  { before, keep, yes = false }: TrimOptions,
): Promise<void> {
  const { server, signal, terminal } = context;
  if (before === undefined && keep === undefined)
    throw wrongUsage('Say what to drop: --before an id or a time, or all but --keep so many.');
  const bounds = await boundsOf(context, channel);
  if (bounds === undefined) throw new CliError(`There is no channel ${named(channel)}.`, EXIT.notFound);
  const { firstId, lastId } = bounds;
  const oldest = await oldestToKeep();
  const count = firstId === 0 ? 0 : Math.max(0, Math.min(oldest, lastId + 1) - firstId);
  if (count > 0) {
    const all = count === lastId - firstId + 1 ? ', which are all' : '';
    await terminal.confirm(
      `${counted(count, 'event')} of ${named(channel)} will be dropped for good, ${idsBetween(firstId, firstId + count - 1)}${all}.`,
      yes,
    );
    await api.trimChannel(server, { channel, before: firstId + count, signal });
  }
  const result = { channel, dropped: count, firstId: count === 0 ? firstId : firstId + count, lastId };
  await terminal.result(result, `${counted(count, 'event')} dropped.`);

  async function oldestToKeep(): Promise<number> {
    if (keep !== undefined) return lastId - keep + 1;
    if (typeof before === 'number') return before;
    return (await api.findCursor(server, { channel, time: before as Date, signal })).after + 1;
  }
}
