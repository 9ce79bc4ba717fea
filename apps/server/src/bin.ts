#!/usr/bin/env node
import cluster from 'node:cluster';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { EventsError } from '@ganomede/events-protocol';
import pkg from '../package.json' with { type: 'json' };
import { type Config, ConfigError, linkVariables, readConfig } from './process/config.js';
import { compact, verify } from './process/folder-care.js';
import { help } from './process/help.js';
import { createLogger, logDestination } from './process/logger.js';
import { misspeltVariables } from './process/misspelt.js';
import { chooseStore } from './process/open-store.js';
import { apiSecret, configuredSecrets } from './process/secret.js';
import { serve } from './process/serve.js';
import { unusableOrigins } from './process/unusable-origins.js';
import { superviseWorkers } from './process/workers.js';

main().catch((error: unknown) => {
  if (error instanceof ConfigError)
    console.error(`The configuration cannot be used:\n${indent(error.problems)}`);
  else if (isExpected(error)) console.error(error.message + hintOf(error));
  else console.error(error);
  process.exit(1);
});

async function main(): Promise<void> {
  const { values: flags } = parseFlags();
  if (flags.help) return void process.stdout.write(help());
  if (flags.version) return void process.stdout.write(`${pkg.version}\n`);

  const { help: _help, version: _version, verify: verifies, compact: compacts, ...settings } = flags;
  const config = readConfig(process.env, settings);
  if (compacts) return void process.stdout.write(await compact(config.dataDir));
  if (verifies) {
    const { text, healthy } = await verify(config.dataDir);
    process.stdout.write(text);
    process.exitCode = healthy ? 0 : 1;
    return;
  }
  const secret = apiSecret(config);
  const logger = createLogger(config.logLevel, logDestination(process.stdout), [
    secret.value,
    ...configuredSecrets(config),
  ]);
  const ignored = [
    ...misspeltVariables(process.env),
    ...linkVariables(process.env),
    ...unusableOrigins(config.corsOrigin),
  ];
  if (cluster.isPrimary) for (const warning of ignored) logger.warn(warning);
  const workers = config.workers === 'auto' ? availableParallelism() : config.workers;
  if (cluster.isWorker || workers === 1) return serve(config, secret, logger);
  await refuseWorkersApart(config, workers);
  superviseWorkers(config, secret, workers, logger);
}

/** A folder can be used by one process at a time, and memory is a process's own. */
async function refuseWorkersApart(config: Config, workers: number): Promise<void> {
  const { kind, reason } = await chooseStore(config);
  if (kind === 'redis') return;
  throw new ConfigError([
    `WORKERS: expected 1 with the ${kind} store, which one process at a time can use; got ${workers}. The store is ${kind} because ${reason}; EVENTS_STORE=redis chooses Redis`,
  ]);
}

function parseFlags() {
  try {
    return parseArgs({
      options: {
        port: { type: 'string' },
        host: { type: 'string' },
        store: { type: 'string' },
        'data-dir': { type: 'string' },
        verify: { type: 'boolean' },
        compact: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean', short: 'v' },
      },
    });
  } catch (error) {
    // npm takes what stands before `--` for itself.
    const hint =
      process.env.npm_lifecycle_event === undefined ? '--help' : '--help; with npm: npm start -- --port 9000';
    throw new ConfigError([`${(error as Error).message} (see ${hint})`]);
  }
}

/** What a person can mend without a stack trace: a folder in use, a port that is taken. */
function isExpected(error: unknown): error is Error {
  return error instanceof EventsError || (error instanceof Error && 'syscall' in error);
}

function hintOf(error: Error): string {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EADDRINUSE' ? '. Choose another port with --port or PORT' : '';
}

function indent(lines: readonly string[]): string {
  return lines.map((line) => `  ${line}`).join('\n');
}
