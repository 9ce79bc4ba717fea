import { createInterface } from 'node:readline';
import { parseChannel } from '@ganomede/events-protocol';
import type { MigrationProgress, MigrationReport, TypedNames } from '@ganomede/events-store-redis';
import { type Command, Option } from 'commander';
import { ADDRESS_RULE, openStorage, redisAddress } from '../connection/open-storage.js';
import { CliError, wrongUsage } from '../terminal/cli-error.js';
import { printable } from '../terminal/printable.js';
import { Progress } from '../terminal/progress.js';
import type { Terminal } from '../terminal/terminal.js';
import { counted, named, number } from '../terminal/wording.js';
import type { Context, Runner } from './context.js';
import { durationValue } from './values.js';

/** Problems that are told one by one; --json has them all. */
const MANY = 20;

interface MigrateOptions {
  readonly from: string;
  readonly to?: string;
  readonly dryRun?: true;
  readonly follow?: true;
  readonly typedChannels?: TypedNames;
  readonly settle?: number;
  readonly keyPrefix?: string;
}

export function addMigrate(program: Command, run: Runner): void {
  program
    .command('migrate')
    .summary('bring what an original ganomede-events has stored')
    .description(
      'Brings events, cursors and indices from the Redis of an original ganomede-events, which is only read, into a store of this ' +
        'project. If it was stopped, run it again. Without --follow stop the original first; see docs/moving.md.',
    )
    .requiredOption('--from <redis>', 'the Redis of the original, such as redis://host:6379')
    .option('--to <store>', `${ADDRESS_RULE}; a folder is made if there is none`)
    .option('--dry-run', 'only tell what there is, and what would be brought')
    .addOption(
      new Option('--follow', 'bring what comes, until you say that the original is stopped').conflicts(
        'dryRun',
      ),
    )
    .addOption(
      new Option(
        '--typed-channels <how>',
        'what becomes of channels such as users/v1:add; keep: they stay channels, and servers need TYPED_CHANNELS=off; merge: they become types of users/v1, with new ids where several come together',
      ).choices(['keep', 'merge']),
    )
    .option('--settle <duration>', 'how long a gap at the end of a channel is waited for', durationValue)
    .option('--key-prefix <text>', 'of the keys of the new store in Redis, as REDIS_KEY_PREFIX of the server')
    .addHelpText(
      'after',
      `
Example:
  $ ganomede-events migrate --from redis://old:6379 --dry-run
  $ ganomede-events migrate --from redis://old:6379 --to redis://new:6379 --follow`,
    )
    .action(run(migrate));
}

async function migrate(context: Context, options: MigrateOptions): Promise<void> {
  const { terminal, signal } = context;
  const { from, to, dryRun = false, follow = false, typedChannels, settle, keyPrefix } = options;
  if (to === undefined && !dryRun) throw wrongUsage('Say where to: --to, or only look: --dry-run.');
  if (follow && typedChannels === 'merge')
    throw wrongUsage(
      'With --typed-channels merge events get new ids: stop the original first, and leave out --follow.',
    );
  const { migrateOriginal } = await import('@ganomede/events-store-redis');
  const onWarning = (text: string) => terminal.warn(text);
  const target =
    to === undefined || dryRun ? undefined : await openStorage(to, { keyPrefix, mayCreate: true, onWarning });
  const shown = new ShownProgress(terminal);
  const switching = follow ? new Switching(terminal) : undefined;
  const end = switching?.impossible ?? signal;
  try {
    const report = await migrateOriginal({
      from: redisAddress(from),
      to: target,
      typedNames: typedChannels,
      followUntil: switching?.signal,
      settleMs: settle,
      signal: end,
      onWarning,
      onProgress: (progress) => {
        if (progress.phase === 'following') switching?.begin();
        shown.show(progress);
      },
    });
    shown.end();
    await tell(terminal, report);
    if (typedChannels === 'keep' && report.channels.some(({ channel }) => isTyped(channel)))
      terminal.say('Servers on it need TYPED_CHANNELS=off: there are channels with names like users/v1:add.');
    const late = report.problems.find(({ kind }) => kind === 'published-after-switch');
    if (late !== undefined) throw new CliError(printable(late.message));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    // It has to be decided, and by whom this is told.
    const undecided = /^Invalid typedNames: (.*)/s;
    throw wrongUsage(printable(error.message.replace(undecided, '$1 Say which with --typed-channels.')));
  } finally {
    shown.end();
    switching?.close();
    await target?.close();
  }
}

async function tell(terminal: Terminal, report: MigrationReport): Promise<void> {
  const { channels, cursors, indices, problems, otherKeys, isDone } = report;
  if (terminal.isJson) return terminal.line(JSON.stringify(report));
  await terminal.list(
    channels,
    [
      { title: 'CHANNEL', text: ({ channel }) => channel },
      { title: 'EVENTS', text: ({ events }) => number(events), isNumber: true },
      { title: 'LAST ID', text: ({ lastId }) => lastId.toString(), isNumber: true },
      { title: 'IDS', text: ({ keepsIds }) => (keepsIds ? 'kept' : 'new') },
      { title: 'FROM', text: ({ sources }) => sources.join(', ') },
    ],
    'There are no channels of an original.',
  );
  for (const { subject, message } of problems.slice(0, MANY))
    terminal.warn(`${named(printable(subject))}: ${printable(message)}`);
  if (problems.length > MANY)
    terminal.warn(`And ${counted(problems.length - MANY, 'problem')} more; --json has all.`);
  if (otherKeys.count > 0)
    terminal.say(`${counted(otherKeys.count, 'key')} of something else are left alone.`);
  const events = channels.reduce((sum, channel) => sum + channel.events, 0);
  const all = `${counted(events, 'event')} of ${counted(channels.length, 'channel')}, ${counted(cursors, 'cursor')} and ${counted(indices, 'index definition')}`;
  await terminal.line(isDone ? `${all} brought, and compared.` : `${all} would be brought.`);
}

const isTyped = (channel: string) => parseChannel(channel, true).type !== undefined;

/** One bar after the other. */
class ShownProgress {
  readonly #terminal: Terminal;
  #phase: MigrationProgress['phase'] | undefined;
  #bar: Progress | undefined;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  show({ phase, events, total }: MigrationProgress): void {
    if (phase !== this.#phase) {
      this.end();
      this.#phase = phase;
      if (phase === 'following')
        this.#terminal.say(
          'All that there was is brought. Stop the servers of the original, all of them; then press Enter.',
        );
      this.#bar = new Progress(this.#terminal.stderr, `${phase[0]?.toUpperCase()}${phase.slice(1)}`, total);
    }
    this.#bar?.show(events);
  }

  end(): void {
    this.#bar?.end();
  }
}

/** Waits for a line of standard input, which says that the original is stopped; one that comes before it was asked for counts for nothing. */
class Switching {
  /** Aborts then. */
  readonly signal: AbortSignal;
  /** Aborts if it cannot come any more, and when the command is to end. */
  readonly impossible: AbortSignal;
  readonly #lines: ReturnType<typeof createInterface>;
  #hasBegun = false;

  constructor(terminal: Terminal) {
    const { stdin, signal } = terminal;
    const now = new AbortController();
    const never = new AbortController();
    this.signal = now.signal;
    this.impossible = never.signal;
    signal.addEventListener('abort', () => never.abort(signal.reason));
    this.#lines = createInterface({ input: stdin });
    this.#lines.on('line', () => {
      if (this.#hasBegun) now.abort();
      else terminal.say('Not yet: what there is is still being brought. Press Enter once you are asked to.');
    });
    this.#lines.once('close', () => {
      if (!now.signal.aborted)
        never.abort(
          wrongUsage('Standard input has ended, so that nobody can say when the original is stopped.'),
        );
    });
  }

  /** It was asked for. */
  begin(): void {
    this.#hasBegun = true;
  }

  close(): void {
    this.#lines.removeAllListeners('close');
    this.#lines.close();
  }
}
