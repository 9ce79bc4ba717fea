// A client behind nginx, as it comes and set up in ways that hold a stream back.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Client, type RequestError } from '@ganomede/events-client';
import { freePort, TemporaryFolder, until } from '@ganomede/events-testing';
import { expect, it, onTestFinished } from 'vitest';
import { Server } from './support/server.js';

const hasNginx = spawnSync('nginx', ['-v']).status === 0;

/** nginx before a server, with these lines in its `location`. Resolves with its address. */
async function startNginx(url: string, location: string): Promise<string> {
  const folder = new TemporaryFolder();
  const port = await freePort();
  const file = join(folder.path, 'nginx.conf');
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${join(folder.path, name)};`)
    .join('\n');
  writeFileSync(
    file,
    `daemon off; worker_processes 1; pid ${join(folder.path, 'pid')}; error_log stderr; events {}
    http { access_log off; ${paths} server { listen 127.0.0.1:${port}; location / { proxy_pass ${url}; ${location} } } }`,
  );
  const nginx = spawn('nginx', ['-c', file, '-p', folder.path], { stdio: 'ignore' });
  onTestFinished(async () => {
    const ended = once(nginx, 'exit');
    nginx.kill();
    await ended;
    folder.remove();
  });
  await until('nginx listens', () => isOpen(port));
  return `http://127.0.0.1:${port}`;
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

it.skipIf(!hasNginx).each([
  ['with its default settings', ''],
  ['that buffers', 'proxy_buffering on; proxy_http_version 1.1;'],
  ['that buffers whatever the server says', 'proxy_ignore_headers X-Accel-Buffering;'],
  ['that cuts what is silent for a second', 'proxy_read_timeout 1s;'],
])('nginx %s: nothing is lost, repeated or reordered', async (_what, location) => {
  await using server = await Server.start();
  const { EVENTS_URL = '', API_SECRET: secret = '' } = server.env;
  const url = await startNginx(EVENTS_URL, location);
  await using sender = new Client('sender', { url, secret });
  await using reader = new Client('reader', { url, secret, retryBaseMs: 20 });
  const channels = ['a', 'b', 'c', 'd'];
  const got = new Map(channels.map((channel) => [channel, [] as number[]]));
  const errors: RequestError[] = [];
  reader.on('error', (error) => errors.push(error));
  for (const channel of channels) reader.on(channel, ({ id }) => got.get(channel)?.push(id));
  const all = Array.from({ length: 30 }, (_, n) => n + 1);
  for (const n of all) {
    await Promise.all(channels.map((channel) => sender.send(channel, { from: 'test', type: 'add' })));
    // So that nginx has something to cut.
    if (n === 15) await new Promise((resolve) => setTimeout(resolve, 1_500));
  }
  await until(
    'everything has come',
    () => channels.every((channel) => got.get(channel)?.length === 30),
    20_000,
  );
  for (const channel of channels) expect(got.get(channel)).toEqual(all);
  const metrics = await (await fetch(`${EVENTS_URL}/metrics`)).text();
  const polls = /^events_http_requests_total\{.*method="GET",.*route="\/events\/v1\/events"/m;
  expect(polls.test(metrics), 'whether channels were polled').toBe(location.includes('ignore_headers'));
  if (!location.includes('read_timeout')) expect(errors).toEqual([]);
});
