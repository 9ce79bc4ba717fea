import { Command, Option } from 'commander';
import pkg from '../package.json' with { type: 'json' };
import { addBackup } from './commands/backup.js';
import { addBench } from './commands/bench.js';
import { addChannels } from './commands/channels.js';
import { addCompletion } from './commands/completion.js';
import { addConsumers } from './commands/consumers.js';
import { Context, type Runner } from './commands/context.js';
import { addDead } from './commands/dead.js';
import { addDelete } from './commands/delete.js';
import { addGroups } from './commands/groups.js';
import { addLatest } from './commands/latest.js';
import { addMigrate } from './commands/migrate.js';
import { addRedact } from './commands/redact.js';
import { addRestore } from './commands/restore.js';
import { addSend } from './commands/send.js';
import { addTail } from './commands/tail.js';
import { addToken } from './commands/token.js';
import { addTrim } from './commands/trim.js';
import { type Environment, profileFile } from './connection/profile.js';
import { DEFAULT_URL } from './connection/server-settings.js';
import { type Streams, Terminal } from './terminal/terminal.js';

/** What every command may say. */
interface GlobalOptions {
  readonly url?: string;
  readonly profile?: string;
  readonly json?: true;
}

export interface ProgramOptions {
  readonly streams: Streams;
  readonly env: Environment;
  /** Aborts when the command is to end early. */
  readonly signal: AbortSignal;
  /** A command begins. */
  readonly onContext: (context: Context) => void;
}

/** The commands. `parseAsync` runs one; it rejects with a `CommanderError`, a `CliError`, or what else went wrong. */
export function buildProgram({ streams, env, signal, onContext }: ProgramOptions): Command {
  const program = new Command('ganomede-events')
    .description('Sends, follows and looks after the events of a Ganomede Events server.')
    .version(pkg.version, '-V, --version', 'show the version')
    .helpOption('-h, --help', 'show help')
    .addOption(new Option('--url <url>', `the server [GANOMEDE_EVENTS_URL, or ${DEFAULT_URL}]`))
    .addOption(
      new Option(
        '--profile <name>',
        'the server and its secret, of the profile file [GANOMEDE_EVENTS_PROFILE]',
      ),
    )
    .addOption(new Option('--json', 'for programs: one JSON text a line'))
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('See --help for what can be said.')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void streams.stdout.write(text),
      writeErr: (text) => void streams.stderr.write(text),
    })
    .addHelpText('after', () => environmentHelp(env));

  const run: Runner =
    <Args extends unknown[]>(work: (context: Context, ...args: Args) => Promise<void>) =>
    async (...all) => {
      // The parser adds the command behind the arguments and the options.
      const command = all.at(-1) as Command;
      const { url, profile, json = false } = command.optsWithGlobals<GlobalOptions>();
      const context = new Context(new Terminal(streams, json, signal), env, { url, profile });
      onContext(context);
      await work(context, ...(all.slice(0, -1) as Args));
    };

  program.helpCommand('help [command]', 'show help for a command');
  program.commandsGroup('Events:');
  for (const add of [addSend, addTail, addLatest]) add(program, run);
  program.commandsGroup('What there is:');
  for (const add of [addChannels, addConsumers, addGroups, addDead]) add(program, run);
  program.commandsGroup('What is taken away:');
  for (const add of [addTrim, addRedact, addDelete]) add(program, run);
  program.commandsGroup('Whole stores, opened without a server:');
  for (const add of [addBackup, addRestore, addMigrate]) add(program, run);
  program.commandsGroup('Tools:');
  for (const add of [addToken, addBench, addCompletion]) add(program, run);
  return program;
}

function environmentHelp(env: Environment): string {
  return `
The server and the secret come from the options, or else from:
  GANOMEDE_EVENTS_URL                   the address of the server
  API_SECRET or GANOMEDE_EVENTS_TOKEN   its secret, or a token; the token goes first
  ${profileFile(env)}
    {"default": {"url": "http://localhost:8000", "secret": "…"}, "production": {"url": "https://…", "token": "…"}}
    "default" fills in what the environment does not say; --profile and GANOMEDE_EVENTS_PROFILE choose another, which goes first

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused, 4 not found, 5 server away, 130 Ctrl-C

To begin:
  $ export API_SECRET=…
  $ ganomede-events send orders paid '{"order": 17}'
  $ ganomede-events tail orders`;
}
