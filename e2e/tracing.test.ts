// One trace through processes: a sender, the server, a worker and a listener, each with the SDK of OpenTelemetry.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Process, run, ServerProcess, TemporaryFolder } from '@ganomede/events-testing';
import { expect, it } from 'vitest';
import { SECRET, Server } from './support/server.js';

interface Span {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId?: string;
  readonly links: readonly string[];
}

const SDK = pathToFileURL(join(import.meta.dirname, 'fixtures/tracing.mjs')).href;

const WORKER = `
import { Client } from '@ganomede/events-client';
const client = Client.fromEnv('worker');
client.work('orders', { group: 'g', concurrency: 5 }, ({ id }) => console.log('done ' + id));
process.once('SIGTERM', () => client.close());
`;
const LISTENER = `
import { Client } from '@ganomede/events-client';
const client = Client.fromEnv('listener');
client.on('orders', ({ id }) => console.log('done ' + id));
process.once('SIGTERM', () => client.close());
`;
/** CommonJS: it loads the API in another way. */
const SENDER = `
const { Client } = require('@ganomede/events-client');
const client = Client.fromEnv('sender');
const event = { from: 'shop', type: 'paid' };
(async () => {
  await client.send('orders', event);
  await Promise.all([client.send('orders', event), client.send('orders', event)]);
  await client.close();
})();
`;
const script = (source: string) => ['--input-type=module', '-e', source];
const done = ({ lines }: Process) => lines.filter((line) => line.startsWith('done ')).length;

it('one trace goes from a send through the server to the handlers in other processes', async () => {
  const folder = new TemporaryFolder();
  const fileOf = (name: string) => join(folder.path, `${name}.json`);
  const spansOf = (name: string) => JSON.parse(readFileSync(fileOf(name), 'utf8')) as Span[];
  const traced = (name: string) => ({ NODE_OPTIONS: `--import=${SDK}`, SPANS_FILE: fileOf(name) });
  try {
    await using server = new ServerProcess(['--host', '127.0.0.1', '--port', '0', '--store', 'memory'], {
      env: { API_SECRET: SECRET, DRAIN_MS: '0', ...traced('server') },
      cwd: folder.path,
    });
    const env = { API_SECRET: SECRET, EVENTS_URL: await server.listening() };
    const start = (name: string, source: string) =>
      new Process(process.execPath, script(source), {
        cwd: import.meta.dirname,
        env: { ...env, ...traced(name) },
      });
    await run(process.execPath, ['--input-type=commonjs', '-e', SENDER], {
      cwd: import.meta.dirname,
      env: { ...env, ...traced('sender') },
    });
    await using worker = start('worker', WORKER);
    await using listener = start('listener', LISTENER);
    for (const each of [worker, listener]) {
      await each.until(() => done(each) === 3);
      expect(await each.stop('SIGTERM')).toBe(0);
    }
    await server.stop('SIGTERM');

    const sends = spansOf('sender').filter(({ name }) => name === 'send');
    expect(sends).toHaveLength(3);
    const [first, ...grouped] = sends as [Span, ...Span[]];
    const [single, shared] = spansOf('server').filter(({ name }) => name === 'publish');
    expect(single).toMatchObject({ traceId: first.traceId, parentId: first.spanId, links: [] });
    expect([...(shared?.links ?? [])].sort()).toEqual(grouped.map(({ spanId }) => spanId).sort());
    for (const consumer of ['worker', 'listener']) {
      const spans = spansOf(consumer);
      const processed = spans.filter(({ name }) => name === 'process');
      expect(processed.map(({ traceId, parentId }) => [traceId, parentId]).sort()).toEqual(
        sends.map(({ traceId, spanId }) => [traceId, spanId]).sort(),
      );
      const linked = spans.filter(({ name }) => name === 'receive').flatMap(({ links }) => links);
      expect(linked.sort()).toEqual(sends.map(({ spanId }) => spanId).sort());
    }
  } finally {
    folder.remove();
  }
});

it('without a registered provider nothing of OpenTelemetry is loaded', async () => {
  await using server = await Server.start();
  const { stdout } = await run(
    process.execPath,
    script(`
import { createRequire } from 'node:module';
import { Client } from '@ganomede/events-client';
const client = Client.fromEnv('sender');
await client.send('orders', { from: 'shop', type: 'paid' });
await client.close();
const { cache } = createRequire(import.meta.url);
console.log(Object.keys(cache ?? {}).filter((path) => path.includes('opentelemetry')).length);
`),
    { cwd: import.meta.dirname, env: server.env },
  );
  expect(stdout.trim()).toBe('0');
});
