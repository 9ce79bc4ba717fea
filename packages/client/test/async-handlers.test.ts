import { expect, test, vi } from 'vitest';
import type { Client, RequestError } from '../src/index.js';
import { events, type HostileServer, json } from './hostile-server.js';
import { clientOf, emitted, startServer, uncaught } from './setup.js';

/** `after` of every read so far. */
const afters = (server: HostileServer) => server.requests.map(({ query }) => query.get('after'));

/** A promise for each id, to be settled by the test. */
class Turns {
  readonly begun: number[] = [];
  readonly #turns = new Map<number, PromiseWithResolvers<void>>();

  readonly handler = ({ id }: { id: number }): Promise<void> => {
    this.begun.push(id);
    return this.of(id).promise;
  };

  of(id: number): PromiseWithResolvers<void> {
    const known = this.#turns.get(id);
    if (known) return known;
    let turn = {} as PromiseWithResolvers<void>;
    const promise = new Promise<void>((resolve, reject) => {
      turn = { resolve, reject } as PromiseWithResolvers<void>;
    });
    turn.promise = promise;
    this.#turns.set(id, turn);
    return turn;
  }

  /** The next call for the id gets a new promise. */
  fail(id: number, error: unknown): void {
    const turn = this.of(id);
    this.#turns.delete(id);
    turn.reject(error);
  }
}

interface PromiseWithResolvers<T> {
  promise: Promise<T>;
  resolve: (value: T) => void;
  reject: (reason: unknown) => void;
}

const errorsOf = (client: Client) => {
  const errors: RequestError[] = [];
  client.on('error', (error: RequestError) => errors.push(error));
  return errors;
};

test('the next event waits for the promises of all handlers, and so does the acknowledgement', async () => {
  const server = (await startServer()).script(events(1, 2));
  const client = clientOf(server);
  const [one, other] = [new Turns(), new Turns()];
  client.on('a', one.handler).on('a', other.handler);
  await vi.waitUntil(() => other.begun.length === 1);
  one.of(1).resolve();
  await new Promise(setImmediate);
  expect(one.begun).toEqual([1]);
  other.of(1).resolve();
  other.of(2).resolve();
  await vi.waitUntil(() => one.begun.length === 2);
  expect(afters(server)).toEqual([null]);
  one.of(2).resolve();
  await server.request(2);
  expect(afters(server)).toEqual([null, '2']);
});

test('a rejection is reported, and the handlers are called again before anything later', async () => {
  const server = (await startServer()).script(events(1, 2));
  const client = clientOf(server);
  const errors = errorsOf(client);
  const turns = new Turns();
  client.on('a', turns.handler);
  const reason = new Error('no mail server');
  for (const times of [1, 2]) {
    await vi.waitUntil(() => turns.begun.length === times);
    turns.fail(1, reason);
  }
  await vi.waitUntil(() => turns.begun.length === 3);
  turns.of(1).resolve();
  turns.of(2).resolve();
  await server.request(2);
  expect(turns.begun).toEqual([1, 1, 1, 2]);
  expect(errors.map(({ code, cause, message }) => [code, cause, message])).toEqual(
    Array(2).fill(['HandlerRejected', reason, 'A handler of "a" rejected event 1: no mail server']),
  );
  expect(afters(server)).toEqual([null, '2']);
});

test('a rejection that cannot be told in words is reported', async () => {
  const server = (await startServer()).script(events(1, 2));
  const client = clientOf(server, { whenRejected: 'skip' });
  const errors = errorsOf(client);
  const cause = Object.create(null);
  client.on('a', async ({ id }) => {
    if (id === 1) throw cause;
  });
  await server.request(2);
  expect(afters(server)).toEqual([null, '2']);
  expect(errors.map(({ code }) => code)).toEqual(['HandlerRejected']);
  expect(errors[0]?.cause).toBe(cause);
});

test('with skip the next event follows', async () => {
  const server = (await startServer()).script(events(1, 2));
  const client = clientOf(server, { whenRejected: 'skip' });
  const errors = errorsOf(client);
  const got: number[] = [];
  client.on('a', async ({ id }) => {
    got.push(id);
    if (id === 1) throw 'a text';
  });
  await server.request(2);
  expect(got).toEqual([1, 2]);
  expect(errors.map(({ message }) => message)).toEqual(['A handler of "a" rejected event 1: a text']);
  expect(afters(server)).toEqual([null, '2']);
});

test('what a handler of once rejects comes to the next handler', async () => {
  const server = (await startServer()).script(events(1));
  const client = clientOf(server);
  const reported = emitted(client, 'error');
  client.once('a', async () => {
    throw new Error('not yet');
  });
  await reported;
  const [event] = await emitted(client, 'a');
  expect(event).toMatchObject({ id: 1 });
});

test('a rejection that nobody hears of is an uncaught exception', async () => {
  const uncaughtErrors = uncaught();
  const server = (await startServer()).script(events(1));
  const client = clientOf(server);
  let calls = 0;
  client.on('a', async () => {
    calls += 1;
    if (calls === 1) throw new Error('unheard');
  });
  await server.request(2);
  expect(uncaughtErrors).toEqual([expect.objectContaining({ code: 'HandlerRejected' })]);
});

test('a handler that throws beside one that waits has seen the event', async () => {
  const errors = uncaught();
  const server = (await startServer()).script(events(1));
  const client = clientOf(server);
  client
    .on('a', async () => {})
    .on('a', () => {
      throw new Error('thrown');
    });
  await server.request(2);
  expect(errors).toEqual([new Error('thrown')]);
  expect(afters(server)).toEqual([null, '1']);
});

test('close() waits for a handler, and says that its event was received', async () => {
  const server = (await startServer()).script(events(1, 2), json([]));
  const client = clientOf(server, { closeTimeoutMs: 60_000 });
  const turns = new Turns();
  client.on('a', turns.handler);
  await vi.waitUntil(() => turns.begun.length === 1);
  const closing = client.close();
  turns.of(1).resolve();
  await closing;
  expect(turns.begun).toEqual([1]);
  expect(afters(server)).toEqual([null, '1']);
});

test('close() does not wait for ever, and the event comes again another time', async () => {
  const server = (await startServer()).script(events(1), json([]));
  const client = clientOf(server, { closeTimeoutMs: 1 });
  // Waits for itself.
  const closed = new Promise<void>((resolve) => {
    client.on('a', async () => {
      await client.close();
      resolve();
    });
  });
  await closed;
  expect(afters(server)).toEqual([null]);
});

test('a stream that has read on while a handler was busy is not set back', async () => {
  const server = (await startServer()).script(events(1), events(1, 2), json([]));
  const client = clientOf(server);
  const turns = new Turns();
  client.on('a', turns.handler);
  await vi.waitUntil(() => turns.begun.length === 1);
  client.removeListener('a', turns.handler);
  const over = new AbortController();
  for await (const { id } of client.stream('a', { signal: over.signal })) if (id === 2) over.abort();
  turns.of(1).resolve();
  const idle = emitted(client, 'drain');
  await idle;
  client.on('a', () => {});
  await server.until(() => afters(server).length >= 3);
  expect(afters(server).at(-1)).toBe('2');
});
