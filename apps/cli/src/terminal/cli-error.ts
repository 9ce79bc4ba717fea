import { EXIT, type ExitCode } from './exit-codes.js';

/** A failure that a person can do something about: its message is the whole of what they are told. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode = EXIT.failed) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** The command line or the configuration cannot be used. */
export const wrongUsage = (message: string) => new CliError(message, EXIT.usage);
