// Event streams in the hands of clients that others have written, through restarts of the server.

import { join } from 'node:path';
import { Client } from '@ganomede/events-client';
import { RestartableServer, TemporaryFolder, until } from '@ganomede/events-testing';
import { fetchEventSource } from '@microsoft/fetch-event-source';
import { EventSource } from 'eventsource';
import { createEventSource } from 'eventsource-client';
import { afterEach, expect, it, vi } from 'vitest';

const SECRET = 'a secret of the end-to-end tests';
const headers = { Authorization: `Bearer ${SECRET}` };
const CHANNEL = 'orders';

/** Begins to listen; `take` is given the data of each message. What is returned ends it. */
type Listen = (url: string, take: (data: string) => void) => () => void;

const CLIENTS: Record<string, Listen> = {
  eventsource: (url, take) => {
    const source = new EventSource(url, {
      fetch: (input, init) => fetch(input, { ...init, headers: { ...init.headers, ...headers } }),
    });
    source.onmessage = ({ data }) => take(data);
    return () => source.close();
  },
  'eventsource-client': (url, take) => {
    const source = createEventSource({ url, headers, onMessage: ({ data }) => take(data) });
    return () => source.close();
  },
  // It is made for browsers.
  '@microsoft/fetch-event-source': (url, take) => {
    vi.stubGlobal('window', globalThis);
    vi.stubGlobal('document', new EventTarget());
    const controller = new AbortController();
    void fetchEventSource(url, {
      ...{ headers, signal: controller.signal, openWhenHidden: true },
      // It calls every blank line a message, also the one behind a comment.
      onmessage: ({ data }) => {
        if (data !== '') take(data);
      },
      onclose: () => {
        throw new Error('the server has ended the stream');
      },
    });
    return () => controller.abort();
  },
};

afterEach(() => vi.unstubAllGlobals());

it.each(Object.keys(CLIENTS))('%s loses and repeats no event', async (name) => {
  using folder = new TemporaryFolder();
  const store = { EVENTS_STORE: 'embedded', DATA_DIR: join(folder.path, 'data') };
  await using server = await RestartableServer.start({ API_SECRET: SECRET, ...store });
  const client = new Client('publisher', { url: server.url, secret: SECRET, retryMaxMs: 500 });
  const publish = (count: number) =>
    Promise.all(Array.from({ length: count }, () => client.send(CHANNEL, { from: 'test', type: 'add' })));
  const ids: number[] = [];
  const listen = CLIENTS[name] as Listen;
  await publish(10);
  const stop = listen(`${server.url}/events/v1/events?clientId=page&channel=${CHANNEL}&after=0`, (data) =>
    ids.push((JSON.parse(data) as { id: number }).id),
  );
  try {
    for (const [round, signal] of (['SIGTERM', 'SIGKILL'] as const).entries()) {
      await until('the stream has begun', () => ids.length > round * 200);
      // Some of them are on their way when it ends, or wait until it is back.
      const publishing = publish(200);
      await until('some have come', () => ids.length > round * 200 + 20);
      await server.stop(signal);
      await server.start();
      await publishing;
    }
    await until('all have come', () => ids.length >= 410, 60_000);
  } finally {
    stop();
    await client.close();
  }
  expect(ids).toEqual(Array.from({ length: 410 }, (_, i) => i + 1));
});
