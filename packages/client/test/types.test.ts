import { EventEmitter, once } from 'node:events';
import type { EventHeader } from '@ganomede/events-protocol';
import { expectTypeOf, test } from 'vitest';
import { Client, type Cursor, type RequestError } from '../src/index.js';

interface UserEvent {
  type: 'add' | 'remove';
  data: { username: string };
}
interface LoginEvent {
  id: number;
  timestamp: number;
  from: string;
  type: 'LOGIN';
  data?: { at: Date };
}

const typed = new Client<{ 'users/v1': UserEvent; 'users/v1:LOGIN': LoginEvent }>('c', { secret: 's' });
const untyped = new Client('c', { secret: 's' });
const unsent = (..._calls: (() => unknown)[]) => {};

test('typed channels type their events', () => {
  typed.on('users/v1', (event, channel) => {
    expectTypeOf(event.id).toEqualTypeOf<number>();
    expectTypeOf(event.timestamp).toEqualTypeOf<number>();
    expectTypeOf(event.from).toEqualTypeOf<string>();
    expectTypeOf(event.type).toEqualTypeOf<'add' | 'remove'>();
    expectTypeOf(event.data).toEqualTypeOf<{ username: string }>();
    expectTypeOf(channel).toEqualTypeOf<'users/v1'>();
  });
  typed.once('users/v1:LOGIN', (event) => {
    expectTypeOf(event.type).toEqualTypeOf<'LOGIN'>();
    expectTypeOf(event.data).toEqualTypeOf<{ at: Date } | undefined>();
  });
  typed.removeAllListeners();
});

test('typed channels type what is sent', () => {
  unsent(
    () => typed.send('users/v1', { from: 'x', type: 'add', data: { username: 'alice' } }),
    // The id and the timestamp are the server's.
    () => typed.send('users/v1:LOGIN', { from: 'x', type: 'LOGIN' }),
    // @ts-expect-error no such type
    () => typed.send('users/v1', { from: 'x', type: 'drop', data: { username: 'alice' } }),
    // @ts-expect-error data is missing
    () => typed.send('users/v1', { from: 'x', type: 'add' }),
    // @ts-expect-error from is missing
    () => typed.send('users/v1', { type: 'add', data: { username: 'alice' } }),
    // @ts-expect-error no such channel
    () => typed.send('users/v2', { from: 'x', type: 'add', data: { username: 'alice' } }),
    // @ts-expect-error no such channel
    () => typed.on('users/v2', () => {}),
    // @ts-expect-error data has no such field
    () => typed.on('users/v1', (event) => event.data.name),
  );
});

test('special names are typed, and cannot be sent to', () => {
  for (const client of [typed, untyped] as Client[]) {
    client.on('error', (error, channel) => {
      expectTypeOf(error).toEqualTypeOf<RequestError>();
      expectTypeOf(error.statusCode).toEqualTypeOf<number | undefined>();
      expectTypeOf(error.body).toEqualTypeOf<unknown>();
      expectTypeOf(channel).toEqualTypeOf<string>();
    });
    client.on('cycle', ({ finished, next }, channel) => {
      expectTypeOf(finished).toEqualTypeOf<Cursor>();
      expectTypeOf(next).toEqualTypeOf<Cursor>();
      expectTypeOf(channel).toEqualTypeOf<string>();
    });
    client.on('drain', () => {});
  }
  unsent(
    // @ts-expect-error the documented order is (error, channel)
    () => untyped.on('error', (channel: string, error: Error) => [channel, error]),
  );
});

test('untyped use stays easy', () => {
  const anyChannel: string = 'a';
  untyped.on(anyChannel, (event, channel) => {
    expectTypeOf(event.data).toBeAny();
    expectTypeOf(event.type).toEqualTypeOf<string>();
    expectTypeOf(event.id).toEqualTypeOf<number>();
    expectTypeOf(channel).toEqualTypeOf<string>();
    void event.data.anything.at.all;
  });
  untyped.on('a', (event: { id: number; data: { username: string } }) => event.data.username);
  untyped.on('a', () => {});
  untyped.on(Symbol('local'), (...args) => args);
  untyped.removeAllListeners();
  unsent(
    () => untyped.send(anyChannel, { from: 'x', type: 'y' }),
    () => untyped.send('a', { from: 'x', type: 'y', data: [1, { b: 2 }] }),
    // @ts-expect-error type is missing
    () => untyped.send('a', { from: 'x' }),
  );
});

test('send returns a promise, or nothing where a callback gets the header', () => {
  expectTypeOf(() => untyped.send('a', { from: 'x', type: 'y' })).returns.toEqualTypeOf<
    Promise<EventHeader>
  >();
  unsent(() =>
    untyped.send('a', { from: 'x', type: 'y' }, (error, header) => {
      expectTypeOf(error).toEqualTypeOf<Error | null>();
      expectTypeOf(header).toEqualTypeOf<EventHeader | undefined>();
    }),
  );
});

test('a client is an EventEmitter for whoever wants one', () => {
  expectTypeOf(untyped).toExtend<EventEmitter>();
  expectTypeOf(typed).toExtend<EventEmitter>();
  unsent(
    () => once(untyped, 'a'),
    () => EventEmitter.on(typed, 'users/v1'),
  );
});

test('options are checked', () => {
  unsent(
    // @ts-expect-error the secret is required
    () => new Client('c', {}),
    // @ts-expect-error no such protocol
    () => new Client('c', { secret: 's', protocol: 'ftp' }),
    () => new Client('c', { secret: 's', hostname: process.env.HOST, port: undefined }),
  );
});
