import cluster from 'node:cluster';
import type { AddressInfo } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import pkg from '../../package.json' with { type: 'json' };
import { buildApp, buildOperationsApp } from '../app.js';
import { createAppContext } from '../app-context.js';
import { registryOfAllWorkers } from '../metrics/worker-metrics.js';
import type { Config } from './config.js';
import { openStore } from './open-store.js';
import { type ApiSecret, greeting } from './secret.js';
import { stopOnSignal } from './shutdown.js';
import { tellListening } from './workers.js';

/** Runs the server in this process until a signal stops it. */
export async function serve(config: Config, secret: ApiSecret, logger: Logger): Promise<void> {
  // What lives for one request is not to be allocated among what stays: V8 may decide so while many requests wait, and from then
  // on keeps whatever they point to until the next full collection (1.5 times the processor for a page near the tail).
  setFlagsFromString('--no-allocation-site-pretenuring');
  const { store, description } = await openStore(config, (message) => logger.warn(message));
  logger.info(description);

  const own = createAppContext(store, config);
  const context = cluster.isWorker ? { ...own, registry: registryOfAllWorkers(own.metrics.registry) } : own;
  const operations =
    config.metricsPort === undefined
      ? undefined
      : {
          app: buildOperationsApp(context, logger),
          port: config.metricsPort,
          host: config.metricsHost ?? config.host,
        };
  const app = buildApp({
    store,
    config: { ...config, apiSecret: secret.value },
    logger,
    context,
    operations: operations === undefined,
    directAnswers: true,
    trustProxy: config.trustProxy,
  });
  stopOnSignal(logger, {
    drainMs: config.drainMs,
    timeoutMs: config.shutdownTimeoutMs,
    drain: () => {
      context.lifecycle.stopping = true;
    },
    stop: async () => {
      await app.close();
      // Last, so that who asks meanwhile whether the server is ready is told that it is not.
      await operations?.app.close();
      context.statsd?.close();
      await store.close();
    },
  });

  if (operations !== undefined) {
    const url = await listen(operations.app, operations.port, operations.host);
    logger.info({ url }, 'health and metrics');
  }
  const url = await listen(app, config.port, config.host);
  logger.info({ url, version: pkg.version }, 'listening');
  if (cluster.isWorker) tellListening(url);
  else process.stderr.write(greeting(config, secret, url));
}

/** Starts listening; the URL to reach it from this machine. */
async function listen(app: FastifyInstance, port: number, host: string): Promise<string> {
  await app.ready();
  // Fastify would log a line per network interface.
  const { level } = app.log;
  app.log.level = 'warn';
  await app.listen({ port, host });
  app.log.level = level;
  return urlOf(host, app.server.address());
}

function urlOf(host: string, address: AddressInfo | string | null): string {
  if (typeof address !== 'object' || address === null)
    throw new TypeError('The server is not listening on a port');
  const everywhere = host === '0.0.0.0' || host === '::';
  const name = everywhere ? 'localhost' : host.includes(':') ? `[${host}]` : host;
  return `http://${name}:${address.port}`;
}
