// The example of the original's README, as it is in the package on npm, but for the import.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Client } from '@ganomede/events-client';
import { Process } from '@ganomede/events-testing';
import { describe, expect, it } from 'vitest';
import { root } from '../scripts/workspace.mjs';
import { Server } from './support/server.js';

const original = createRequire(join(root, 'apps/server/package.json')).resolve(
  'ganomede-events/package.json',
);
const readme = readFileSync(join(original, '..', 'README.md'), 'utf8');
const example = (/^```js\n(const \{Client\}[\s\S]*?)^```$/m.exec(readme)?.[1] ?? '').replace(
  "require('ganomede-events')",
  "require('@ganomede/events-client')",
);

/** Lines of the example, by what they begin with. */
const LISTEN_TO_ALL = "events.on('users/v1', handler);";
const LISTEN_TO_TYPE = "events.on('users/v1:add', handler);";
const REMOVE_TYPE = "events.removeListener('users/v1:add', handler);";
const HANDLE_ERRORS = "events.on('error', ";
/** What the handler prints of an event, once each. */
const PRINTED = [
  /^id: \d+$/,
  /^from: users\/v1 == users\/v1$/,
  /^type: add == add$/,
  /^timestamp: \d{13}$/,
  /^data: \{"thing":"abc","stuff":123,"blob":\[12,13,14\]\}$/,
];

function without(...beginnings: string[]): string {
  const lines = example.split('\n');
  for (const beginning of beginnings)
    expect(lines.filter((line) => line.startsWith(beginning))).toHaveLength(1);
  return lines.filter((line) => !beginnings.some((beginning) => line.startsWith(beginning))).join('\n');
}

/** Runs it with the `options` that it leaves to the reader. */
function run(code: string, { EVENTS_URL, API_SECRET }: { EVENTS_URL: string; API_SECRET: string }): Process {
  const { hostname, port } = new URL(EVENTS_URL);
  const options = { secret: API_SECRET, protocol: 'http', hostname, port: Number(port) };
  return new Process(process.execPath, ['-e', `const options = ${JSON.stringify(options)};\n${code}`], {
    cwd: import.meta.dirname,
  });
}

const count = (child: Process, pattern: RegExp) => child.lines.filter((line) => pattern.test(line)).length;

/** Publishes one more, as the example does, so that whatever comes before it has come. */
async function publishAnother({ env }: Server): Promise<void> {
  await using client = new Client('another', { url: env.EVENTS_URL, secret: env.API_SECRET });
  const data = { thing: 'abc', stuff: 123, blob: [12, 13, 14] };
  await client.send('users/v1', { from: 'users/v1', type: 'add', data });
}

it('is found', () => {
  expect(example).toContain("require('@ganomede/events-client')");
});

describe('each line does what its comment says', () => {
  it.each([
    ['all events, once: the handler of the type was removed', example, 1],
    ['all events and those of a type: twice', without(REMOVE_TYPE), 2],
    ['those of a type', without(REMOVE_TYPE, LISTEN_TO_ALL), 1],
    ['handlers that are removed get nothing', without(LISTEN_TO_ALL), 0],
    ['a handler that was never there is removed without a fuss', without(LISTEN_TO_TYPE), 1],
  ])('%s', async (_what, code, times) => {
    await using server = await Server.start();
    await using child = run(code, server.env);
    await using client = new Client('watcher', { url: server.env.EVENTS_URL, secret: server.env.API_SECRET });
    // Sent to users/v1:add, and seen in users/v1.
    const { value: sent } = await client.stream('users/v1').next();
    expect(sent).toMatchObject({ id: 1, from: 'users/v1', type: 'add' });
    await publishAnother(server);
    if (times > 0) await child.until(() => count(child, /^data: /) >= 2 * times);
    else expect(await child.exited()).toBe(0);
    for (const pattern of PRINTED) expect(count(child, pattern)).toBe(2 * times);
    expect(child.stderr).toBe('');
  });

  const nobody = { EVENTS_URL: 'http://127.0.0.1:1', API_SECRET: 'secret' };

  it('errors go to their handler, and the process lives', async () => {
    await using child = run(`${example}\nevents.once('cycle', () => console.log('failed'));`, nobody);
    await child.until(() => child.lines.includes('failed'));
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(child.child.exitCode).toBe(null);
    expect(child.stderr).toBe('');
  });

  it('without a handler an error is thrown', async () => {
    await using child = run(without(HANDLE_ERRORS), nobody);
    expect(await child.exited()).toBe(1);
    expect(child.stderr).toContain('ECONNREFUSED');
  });

  it('the error channel can neither be polled nor sent to', async () => {
    await using server = await Server.start();
    const sendToIt = `events.send('error', { from: 'a', type: 'b' }, (error) => console.log(error.name));`;
    await using child = run(`${without(LISTEN_TO_ALL)}\n${sendToIt}`, server.env);
    expect(await child.exited()).toBe(0);
    expect(child.lines).toEqual(['TypeError']);
  });
});
