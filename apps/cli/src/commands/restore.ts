import { createReadStream, statSync } from 'node:fs';
import type { Command } from 'commander';
import { ADDRESS_RULE, openStorage } from '../connection/open-storage.js';
import { CliError, wrongUsage } from '../terminal/cli-error.js';
import { Progress } from '../terminal/progress.js';
import { counted, number } from '../terminal/wording.js';
import type { Context, Runner } from './context.js';

interface RestoreOptions {
  readonly to: string;
  readonly keyPrefix?: string;
  readonly verify?: boolean;
}

export function addRestore(program: Command, run: Runner): void {
  program
    .command('restore')
    .summary('bring what a backup holds into a store')
    .description(
      'Brings all that a backup holds into a store of any kind, with the ids that it has. Nothing is stored before the file was read and ' +
        'found to be whole. If it was stopped, run it again: what is there is passed over. Stop the servers of the store first.',
    )
    .argument('<file>', 'what `backup` has written')
    .requiredOption('--to <store>', `${ADDRESS_RULE}; a folder is made if there is none`)
    .option('--key-prefix <text>', 'of the keys in Redis, as REDIS_KEY_PREFIX of the server')
    .option('--verify', 'read the store again, and fail unless it holds just what the backup does')
    .addHelpText(
      'after',
      '\nExample:\n  $ ganomede-events restore events.backup --to redis://localhost:6379 --verify',
    )
    .action(run(restore));
}

async function restore(
  { terminal, signal }: Context,
  file: string,
  { to, keyPrefix, verify = false }: RestoreOptions,
): Promise<void> {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined) throw wrongUsage(`There is no file ${file}.`);
  if (!found.isFile()) throw wrongUsage(`Expected a file, which is read twice; ${file} is none.`);
  const { digestStore, importStore } = await import('@ganomede/events-store');
  const storage = await openStorage(to, {
    keyPrefix,
    mayCreate: true,
    onWarning: (text) => terminal.warn(text),
  });
  let shown: { readonly label: string; readonly progress: Progress } | undefined;
  const show = (label: string, events: number, totalEvents?: number) => {
    if (shown?.label !== label) {
      shown?.progress.end();
      shown = { label, progress: new Progress(terminal.stderr, label, totalEvents) };
    }
    shown.progress.show(events);
  };
  try {
    const restored = await importStore(storage, () => createReadStream(file), {
      signal,
      onCheck: (events) => show('Checking', events),
      onProgress: ({ events, totalEvents }) => show('Restoring', events, totalEvents),
    });
    const { total, stored, known, dropped, content } = restored;
    const isSame = verify
      ? (await digestStore(storage, {
          signal,
          onProgress: ({ events }) => show('Verifying', events, total.events),
        })) === content
      : undefined;
    shown?.progress.end();
    const passedOver = known === 0 ? '' : ` ${number(known)} were there already.`;
    const gone = dropped === 0 ? '' : ` ${number(dropped)} had been dropped there already.`;
    await terminal.result(
      { ...total, stored, known, dropped, ...(isSame !== undefined && { verified: isSame }) },
      `${counted(stored, 'event')} of ${counted(total.channels, 'channel')} restored.${passedOver}${gone}${isSame ? ' The store holds what the backup does.' : ''}`,
    );
    if (isSame === false) throw new CliError('The store does not hold just what the backup does.');
  } finally {
    shown?.progress.end();
    await storage.close();
  }
}
