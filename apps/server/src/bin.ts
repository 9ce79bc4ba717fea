#!/usr/bin/env node
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { EventsError } from '@ganomede/events-protocol';
import type { FastifyInstance } from 'fastify';
import pkg from '../package.json' with { type: 'json' };
import { buildApp, buildOperationsApp } from './app.js';
import { ConfigError, readConfig } from './config.js';
import { help } from './help.js';
import { createLogger, logDestination } from './logger.js';
import { openStore } from './open-store.js';
import { apiSecret, configuredSecrets, welcome } from './secret.js';
import { createServices } from './services.js';
import { stopOnSignal } from './shutdown.js';

main().catch((error: unknown) => {
  if (error instanceof ConfigError)
    console.error(`The configuration cannot be used:\n${indent(error.problems)}`);
  else if (isExpected(error)) console.error(error.message);
  else console.error(error);
  process.exit(1);
});

async function main(): Promise<void> {
  const { values: flags } = parseFlags();
  if (flags.help) return void process.stdout.write(help());
  if (flags.version) return void process.stdout.write(`${pkg.version}\n`);

  const { help: _help, version: _version, ...settings } = flags;
  const config = readConfig(process.env, settings);
  const secret = apiSecret(config);
  const logger = createLogger(config.logLevel, logDestination(process.stdout), [
    secret.value,
    ...configuredSecrets(config),
  ]);
  const { store, description } = await openStore(config, (message) => logger.warn(message));
  logger.info(description);

  const services = createServices(store, config);
  const operations =
    config.metricsPort === undefined
      ? undefined
      : {
          app: buildOperationsApp(services, logger),
          port: config.metricsPort,
          host: config.metricsHost ?? config.host,
        };
  const app = buildApp({
    store,
    config: { ...config, apiSecret: secret.value },
    logger,
    services,
    operations: operations === undefined,
  });
  stopOnSignal(logger, config.shutdownTimeoutMs, async () => {
    // What is asked meanwhile whether the server is ready, is told that it is not.
    services.lifecycle.stopping = true;
    await app.close();
    await operations?.app.close();
    services.statsd?.close();
    await store.close();
  });

  if (operations !== undefined) {
    const url = await listen(operations.app, operations.port, operations.host);
    logger.info({ url }, 'health and metrics');
  }
  const url = await listen(app, config.port, config.host);
  logger.info({ url, version: pkg.version }, 'listening');
  if (secret.generated) process.stderr.write(welcome(url, secret.value));
}

/** Starts listening; the URL to reach it from this machine. */
async function listen(app: FastifyInstance, port: number, host: string): Promise<string> {
  await app.ready();
  // Fastify would log a line per network interface.
  const { level } = app.log;
  app.log.level = 'warn';
  await app.listen({ port, host });
  app.log.level = level;
  return urlOf(host, portOf(app.server.address()));
}

function parseFlags() {
  try {
    return parseArgs({
      options: {
        port: { type: 'string' },
        host: { type: 'string' },
        store: { type: 'string' },
        'data-dir': { type: 'string' },
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean', short: 'v' },
      },
    });
  } catch (error) {
    throw new ConfigError([`${(error as Error).message} (see --help)`]);
  }
}

function portOf(address: AddressInfo | string | null): number {
  if (typeof address !== 'object' || address === null)
    throw new TypeError('The server is not listening on a port');
  return address.port;
}

function urlOf(host: string, port: number): string {
  const everywhere = host === '0.0.0.0' || host === '::';
  const name = everywhere ? 'localhost' : host.includes(':') ? `[${host}]` : host;
  return `http://${name}:${port}`;
}

/** What a person can mend without a stack trace: a folder in use, a port that is taken. */
function isExpected(error: unknown): error is Error {
  return error instanceof EventsError || (error instanceof Error && 'syscall' in error);
}

function indent(lines: readonly string[]): string {
  return lines.map((line) => `  ${line}`).join('\n');
}
