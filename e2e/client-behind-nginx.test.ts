// A client behind nginx, as it comes and set up in ways that hold a stream back.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Client, type RequestError } from '@ganomede/events-client';
import { freePort, TemporaryFolder, until } from '@ganomede/events-testing';
import { expect, it, onTestFinished } from 'vitest';
import { Server } from './support/server.js';

const hasNginx = spawnSync('nginx', ['-v']).status === 0;

/** nginx with what `site` gives for its port in its `http`. Resolves with its address. */
async function startNginx(site: (port: number, folder: string) => string): Promise<string> {
  const folder = new TemporaryFolder();
  const port = await freePort();
  const file = join(folder.path, 'nginx.conf');
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${join(folder.path, name)};`)
    .join('\n');
  writeFileSync(
    file,
    `daemon off; worker_processes 1; pid ${join(folder.path, 'pid')}; error_log stderr; events {}
    http { access_log off; ${paths} ${site(port, folder.path)} }`,
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

/** A proxy with these lines in its `location`. */
const proxyTo = (url: string, location: string) => (port: number) =>
  `server { listen 127.0.0.1:${port}; location / { proxy_pass ${url}; ${location} } }`;

/** The example of the documentation, at other addresses and with its log in a folder. */
const exampleFor = (url: string) => (port: number, folder: string) =>
  readFileSync(new URL('../docs/operating/nginx.conf', import.meta.url), 'utf8')
    .replace('server 127.0.0.1:8000;', `server ${new URL(url).host};`)
    .replace('listen 80;', `listen 127.0.0.1:${port};`)
    .replace('/var/log/nginx/', `${folder}/`);

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
  const url = await startNginx(proxyTo(EVENTS_URL, location));
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

it.skipIf(!hasNginx)(
  'nginx as docs/operating/nginx.conf has it: events come at once, and secrets stay out of its log',
  async () => {
    await using server = await Server.start();
    const { EVENTS_URL = '', API_SECRET: secret = '' } = server.env;
    let logFolder = '';
    const url = await startNginx((port, folder) => {
      logFolder = folder;
      return exampleFor(EVENTS_URL)(port, folder);
    });
    await using client = new Client('c', { url, secret });
    const got: number[] = [];
    client.on('a', ({ id }) => got.push(id));
    client.on('b', ({ id }) => got.push(id));
    for (let n = 1; n <= 3; n += 1) {
      await client.send('a', { from: 'test', type: 'add' });
      await client.send('b', { from: 'test', type: 'add' });
      await until('both have come', () => got.length === 2 * n);
    }
    // A stream that is held back would be given up for polls.
    const metrics = await (await fetch(`${EVENTS_URL}/metrics`)).text();
    expect(metrics).not.toMatch(
      /^events_http_requests_total\{.*method="GET",.*route="\/events\/v1\/events"/m,
    );
    for (const path of ['/metrics', '/health/ready']) expect((await fetch(url + path)).status).toBe(404);
    const query = new URLSearchParams({ secret, channel: 'a' });
    expect((await fetch(`${url}/events/v1/latest?${query}`)).status).toBe(200);
    const logged = () => readFileSync(join(logFolder, 'events.log'), 'utf8');
    await until('it is logged', () => logged().includes('/events/v1/latest 200'));
    expect(logged()).not.toContain(encodeURIComponent(secret));
    expect(logged()).not.toContain(query.toString());
  },
);
