#!/usr/bin/env node
import { CommanderError } from 'commander';
import type { Context } from './commands/context.js';
import { failureOf } from './connection/failure.js';
import { buildProgram } from './program.js';
import { EXIT, type ExitCode } from './terminal/exit-codes.js';

const interruption = new AbortController();
let interruptedBy: ExitCode | undefined;
let context: Context | undefined;

for (const [signal, exitCode] of [
  ['SIGINT', EXIT.interrupted],
  ['SIGTERM', EXIT.terminated],
] as const) {
  process.on(signal, () => {
    // Who asks twice does not want to wait.
    if (interruptedBy !== undefined) process.exit(exitCode);
    interruptedBy = exitCode;
    interruption.abort();
  });
}

for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // `head` has seen enough.
    if (error.code === 'EPIPE') process.exit(EXIT.done);
    throw error;
  });
}

const program = buildProgram({
  streams: process,
  env: process.env,
  signal: interruption.signal,
  onContext: (current) => {
    context = current;
  },
});

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = told(error);
}
if (interruptedBy !== undefined) process.exitCode = interruptedBy;

/** Says what went wrong; the exit code that stands for it. */
function told(error: unknown): ExitCode {
  // The parser has said it, or was asked for help.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  if (interruptedBy !== undefined) return interruptedBy;
  const failure = failureOf(error, () => context?.settings.url ?? 'the server');
  if (failure === undefined) {
    console.error(error);
    return EXIT.failed;
  }
  console.error(failure.message);
  return failure.exitCode;
}
