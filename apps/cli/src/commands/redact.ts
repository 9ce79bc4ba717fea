import { api } from '@ganomede/events-client';
import { MAX_REDACTIONS } from '@ganomede/events-protocol';
import type { Command } from 'commander';
import { CliError } from '../terminal/cli-error.js';
import { printable } from '../terminal/printable.js';
import { Progress } from '../terminal/progress.js';
import { counted, named } from '../terminal/wording.js';
import type { Context, Runner } from './context.js';
import { idsValue } from './values.js';

export function addRedact(program: Command, run: Runner): void {
  program
    .command('redact')
    .summary('forget what events hold')
    .description(
      'Forgets data and metadata of events, in the store, its indices and every server, for good. The events stay, with id, time, ' +
        'sender and type. Copies, such as dead letters, are events of other channels: redact those too. Asks first.',
    )
    .argument('<channel>', 'such as users')
    .argument('<ids...>', 'ids of events, or ranges such as 10-19', idsValue)
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', '\nExample:\n  $ ganomede-events redact users 17 23-25')
    .action(run(redact));
}

async function redact(
  { server, signal, terminal }: Context,
  channel: string,
  ids: readonly number[],
  { yes = false }: { readonly yes?: boolean },
): Promise<void> {
  await terminal.confirm(
    `What ${counted(ids.length, 'event')} of ${named(channel)} ${ids.length === 1 ? 'holds' : 'hold'} will be forgotten for good.`,
    yes,
  );
  const progress = new Progress(terminal.stderr, 'Redacting', ids.length);
  let redacted = 0;
  const failures: string[] = [];
  try {
    for (let from = 0; from < ids.length; from += MAX_REDACTIONS) {
      const page = ids.slice(from, from + MAX_REDACTIONS);
      for (const result of await api.redact(server, { channel, ids: page, signal })) {
        if ('error' in result) failures.push(`${result.id}: ${printable(result.error.message)}`);
        else redacted += 1;
        if (terminal.isJson) await terminal.line(JSON.stringify(result));
      }
      progress.show(from + page.length);
    }
  } finally {
    progress.end();
  }
  if (!terminal.isJson) await terminal.line(`${counted(redacted, 'event')} redacted.`);
  if (failures.length === 0) return;
  const more = failures.length > 3 ? `; and ${failures.length - 3} more` : '';
  throw new CliError(
    `${counted(failures.length, 'event')} could not be redacted: ${failures.slice(0, 3).join('; ')}${more}.`,
  );
}
