import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import pkg from '../package.json' with { type: 'json' };
import { startProcess } from './support/process.js';
import { json, SECRET } from './support/server.js';

const WITH_SECRET = { API_SECRET: SECRET };
const BEARER = { headers: { Authorization: `Bearer ${SECRET}` } };

const publish = (url: string) =>
  fetch(
    `${url}/events/v1/events`,
    json({ clientId: 'c', secret: SECRET, channel: 'bin', from: 'f', type: 't' }),
  );

describe('the command line', () => {
  it.each(['--help', '-h'])('%s explains itself', async (flag) => {
    const server = await startProcess([flag]);
    expect(await server.exited()).toBe(0);
    expect(server.stdout).toMatch(/^Usage: ganomede-events-server/);
    expect(server.stdout).toContain('POLL_TIMEOUT');
  });

  it.each(['--version', '-v'])('%s tells the version', async (flag) => {
    const server = await startProcess([flag]);
    expect(await server.exited()).toBe(0);
    expect(server.stdout).toBe(`${pkg.version}\n`);
  });

  it.each([
    ['an unknown flag', ['--nonsense'], {}, /--nonsense/],
    ['a flag without a value', ['--port'], {}, /--port/],
    ['a bad flag', ['--port', 'abc'], {}, /--port: expected .*; got "abc"/],
    ['a bad variable', ['--port', '0'], { POLL_TIMEOUT: 'soon' }, /POLL_TIMEOUT: expected .*; got "soon"/],
    [
      'no secret in production',
      ['--port', '0'],
      { NODE_ENV: 'production' },
      /API_SECRET: .*openssl rand -hex 32/,
    ],
    ['a folder that cannot be', ['--port', '0', '--data-dir', '/dev/null/x'], WITH_SECRET, /\/dev\/null\/x/],
  ] as [string, string[], Record<string, string>, RegExp][])(
    '%s is said in a line, without a stack trace',
    async (_name, args, env, message) => {
      const server = await startProcess(args, env);
      expect(await server.exited()).toBe(1);
      expect(server.stderr).toMatch(message);
      expect(server.stderr).not.toMatch(/^\s+at /m);
    },
  );

  it('warns of a variable that is nearly a setting', async () => {
    const server = startProcess([], { ...WITH_SECRET, POLL_TIMOUT: '5' });
    await server.listening();
    expect(server.log).toContainEqual(
      expect.objectContaining({
        level: 40,
        msg: expect.stringMatching(/^POLL_TIMOUT .* POLL_TIMEOUT meant/),
      }),
    );
  });

  it('says which port is taken', async () => {
    const url = new URL(await (await startProcess([], WITH_SECRET)).listening());
    const second = await startProcess(['--port', url.port, '--data-dir', 'other'], WITH_SECRET);
    expect(await second.exited()).toBe(1);
    expect(second.stderr).toMatch(new RegExp(`EADDRINUSE.*${url.port}`));
    expect(second.stderr).not.toMatch(/^\s+at /m);
  });
});

describe('without API_SECRET', () => {
  it('makes one, and shows it on the terminal but not in the log, with commands that work', async () => {
    const server = await startProcess();
    const url = await server.listening();
    await expect.poll(() => server.stderr).toContain('-d ');
    const secret = /export API_SECRET=(\S+)/.exec(server.stderr)?.[1] ?? '';
    expect(secret).toHaveLength(32);
    expect(server.stderr.match(/curl /g)).toHaveLength(2);
    expect(server.stderr).toContain(`${url}/events/v1/events`);
    expect(server.stdout).not.toContain(secret);
    const headers = { Authorization: `Bearer ${secret}` };
    const response = await fetch(`${url}/events/v1/events?clientId=c&channel=x&timeout=0`, { headers });
    expect(response.status).toBe(200);
  });
});

describe.each(['SIGTERM', 'SIGINT'] as const)('%s', (signal) => {
  it('answers waiting polls, lets requests finish, and exits with 0', async () => {
    const server = await startProcess([], { ...WITH_SECRET, LOG_LEVEL: 'debug' });
    const url = new URL(await server.listening());
    const poll = fetch(`${url.origin}/events/v1/events?clientId=c&channel=bin`, BEARER);

    // A publish whose body is still on its way when the signal comes.
    const body = JSON.stringify({ clientId: 'c', secret: SECRET, channel: 'other', from: 'f', type: 't' });
    const socket = connect(Number(url.port), url.hostname);
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk;
    });
    socket.write(
      `POST /events/v1/events HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`,
    );
    await once(socket, 'data');
    // The poll is at the server once a later request over a new connection has been answered.
    await fetch(`${url.origin}/about`);

    server.child.kill(signal);
    const response = await poll;
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual([]);
    socket.write(body);
    await once(socket, 'close');
    expect(answer).toMatch(/HTTP\/1\.1 200 OK[\s\S]*"id":1/);
    expect(await server.exited()).toBe(0);
    expect(server.log.map(({ msg }) => msg)).toContain('stopped');
  });
});

it('keeps events and cursors over a restart', async () => {
  const first = await startProcess([], WITH_SECRET);
  const dataDir = first.child.spawnargs.at(-1) as string;
  await publish(await first.listening());
  first.child.kill('SIGTERM');
  await first.exited();

  const second = await startProcess(['--port', '0', '--data-dir', dataDir], WITH_SECRET);
  const url = await second.listening();
  expect(await (await publish(url)).json()).toMatchObject({ id: 2 });
  const read = await fetch(`${url}/events/v1/events?clientId=c&channel=bin`, BEARER);
  expect(await read.json()).toMatchObject([{ id: 1 }, { id: 2 }]);
});

it('--verify says what is in a folder, and what of it is damaged; --compact copies it', async () => {
  const server = startProcess([], WITH_SECRET);
  const dataDir = server.child.spawnargs.at(-1) as string;
  await publish(await server.listening());
  const inUse = startProcess(['--verify', '--data-dir', dataDir]);
  expect(await inUse.exited()).toBe(1);
  expect(inUse.stderr).toContain('another server is using it');
  await server.stop();

  const verify = async () => {
    const process = startProcess(['--verify', '--data-dir', dataDir]);
    return { code: await process.exited(), stdout: process.stdout };
  };
  expect(await verify()).toEqual({
    code: 0,
    stdout: `${dataDir}: 1 channels, 1 events are as they were stored\n`,
  });
  const compacted = startProcess(['--compact', '--data-dir', dataDir]);
  expect(await compacted.exited()).toBe(0);
  expect(compacted.stdout).toMatch(/: \d+ bytes have become \d+\n$/);
  expect(await verify()).toMatchObject({ code: 0 });
  const path = join(dataDir, 'events.mdb');
  const file = readFileSync(path, 'latin1');
  writeFileSync(path, file.replaceAll('"from":"f"', '"from":"g"'), 'latin1');
  expect(await verify()).toEqual({
    code: 1,
    stdout: `Channel "bin": damaged or missing are events 1\n${dataDir}: 1 channels, 0 events are as they were stored\n`,
  });
});

it('a second signal exits at once', async () => {
  const server = await startProcess([], WITH_SECRET);
  const url = new URL(await server.listening());
  const socket = connect(Number(url.port), url.hostname);
  socket.on('error', () => undefined);
  socket.write(
    'POST /events/v1/events HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n',
  );
  await once(socket, 'data');
  server.child.kill('SIGTERM');
  await expect.poll(() => server.log.map(({ msg }) => msg).join()).toContain('stopping');
  // Later than what would be the same keypress, passed on twice.
  await new Promise((resolve) => setTimeout(resolve, 400));
  server.child.kill('SIGTERM');
  expect(await server.exited()).toBe(1);
  expect(server.log.at(-1)).toMatchObject({ level: 60, msg: 'exiting at once: second SIGTERM' });
});

it('two servers cannot share a folder', async () => {
  const first = await startProcess([], WITH_SECRET);
  await first.listening();
  const dataDir = first.child.spawnargs.at(-1) as string;
  const second = await startProcess(['--port', '0', '--data-dir', dataDir], WITH_SECRET);
  expect(await second.exited()).toBe(1);
  expect(second.stderr).toContain(dataDir);
  expect(second.stderr).not.toMatch(/^\s+at /m);
});

it('does not wait for connections that never brought a request', async () => {
  const server = await startProcess([], WITH_SECRET);
  const url = new URL(await server.listening());
  const socket = connect(Number(url.port), url.hostname);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  server.child.kill('SIGTERM');
  expect(await server.exited()).toBe(0);
});
