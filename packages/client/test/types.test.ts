import { EventEmitter, once } from 'node:events';
import type * as protocol from '@ganomede/events-protocol';
import type { EventHeader } from '@ganomede/events-protocol';
import { expectTypeOf, test } from 'vitest';
import { Client, type Cursor, IndexerClient, type RequestError } from '../src/index.js';
import type * as wire from '../src/wire-types.js';

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

test('what goes over the wire is what the protocol says', () => {
  expectTypeOf<wire.Event>().toEqualTypeOf<protocol.Event>();
  expectTypeOf<wire.ErrorBody>().toEqualTypeOf<protocol.ErrorBody>();
  expectTypeOf<wire.IndexDefinition>().toEqualTypeOf<protocol.IndexDefinition>();
  expectTypeOf<wire.ReadIndexReply>().toEqualTypeOf<protocol.ReadIndexReply>();
  expectTypeOf<wire.About>().toEqualTypeOf<protocol.About>();
});

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

test('events of every channel may have metadata', () => {
  unsent(
    () => typed.send('users/v1', { from: 'x', type: 'add', data: { username: 'a' }, metadata: { a: 'b' } }),
    () => untyped.send('a', { from: 'x', type: 'add', metadata: { a: 'b' } }),
    // @ts-expect-error
    () => untyped.send('a', { from: 'x', type: 'add', metadata: { a: 1 } }),
    () =>
      typed.on('users/v1', ({ metadata }) => {
        expectTypeOf(metadata).toEqualTypeOf<Record<string, string> | undefined>();
      }),
  );
});

test('events of every channel may be redacted, and nobody sends one that is', () => {
  unsent(
    () =>
      typed.on('users/v1', ({ redacted }) => {
        expectTypeOf(redacted).toEqualTypeOf<true | undefined>();
      }),
    () =>
      untyped.on('a', ({ redacted }) => {
        expectTypeOf(redacted).toEqualTypeOf<true | undefined>();
      }),
    // @ts-expect-error
    () => untyped.send('a', { from: 'x', type: 'add', redacted: true }),
  );
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
    () => typed.on('error', (channel: string, error: Error) => [channel, error]),
    // A client without a map takes any handler, as the original's declarations do.
    () => untyped.on('error', (error: { statusCode: number }) => error.statusCode),
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
      expectTypeOf(error).toEqualTypeOf<Error>();
      expectTypeOf(header).toEqualTypeOf<EventHeader>();
    }),
  );
});

test('batches are typed as single events are', () => {
  expectTypeOf(() => untyped.sendBatch('a', [{ from: 'x', type: 'y' }])).returns.toEqualTypeOf<
    Promise<EventHeader[]>
  >();
  unsent(
    () => typed.sendBatch('users/v1', [{ from: 'x', type: 'add', data: { username: 'alice' } }]),
    () => typed.sendBatch('users/v1', [], { idempotencyKey: 'k' }),
    () => typed.sendBatch('users/v1:LOGIN', [] as const, (_error, headers) => headers?.[0]?.id),
    // @ts-expect-error data is missing
    () => typed.sendBatch('users/v1', [{ from: 'x', type: 'add' }]),
    // @ts-expect-error no such channel
    () => typed.sendBatch('users/v2', []),
    // @ts-expect-error no such option
    () => typed.send('users/v1:LOGIN', { from: 'x', type: 'LOGIN' }, { key: 'k' }),
    () => typed.send('users/v1:LOGIN', { from: 'x', type: 'LOGIN' }, { idempotencyKey: 'k' }, () => {}),
  );
});

test('streams and latest events are typed per channel', () => {
  unsent(
    async () => {
      for await (const event of typed.stream('users/v1', { after: 0, limit: 1 })) {
        expectTypeOf(event.id).toEqualTypeOf<number>();
        expectTypeOf(event.type).toEqualTypeOf<'add' | 'remove'>();
        expectTypeOf(event.data).toEqualTypeOf<{ username: string }>();
      }
      for await (const event of untyped.stream('a')) expectTypeOf(event.data).toBeAny();
      const [latest] = await typed.getLatestEvents('users/v1:LOGIN');
      expectTypeOf(latest?.type).toEqualTypeOf<'LOGIN' | undefined>();
      typed.getLatestEvents('users/v1', 10, (error, events) => {
        expectTypeOf(error).toEqualTypeOf<Error>();
        expectTypeOf(events[0]?.data).toEqualTypeOf<{ username: string } | undefined>();
      });
    },
    // @ts-expect-error no such channel
    () => typed.stream('users/v2'),
    // @ts-expect-error not a number
    () => typed.stream('users/v1', { after: '5' }),
    // @ts-expect-error no such channel
    () => typed.getLatestEvents('users/v2'),
    // @ts-expect-error a special name is no channel
    () => typed.stream('error'),
  );
  expectTypeOf(typed.stream('users/v1')).toExtend<AsyncIterable<{ data: { username: string } }>>();
  expectTypeOf(typed.stream('users/v1')).toExtend<AsyncDisposable>();
});

test('fromEnv makes typed clients, and needs no options', () => {
  unsent(
    () => expectTypeOf(Client.fromEnv('c')).toEqualTypeOf<Client>(),
    () => Client.fromEnv<{ a: UserEvent }>('c').on('a', ({ data }) => data.username),
    () => Client.fromEnv('c', { limit: 1 }),
    // @ts-expect-error no such option
    () => Client.fromEnv('c', { limits: 1 }),
  );
});

test('indices are typed by what the caller knows of their events', () => {
  const indexer = new IndexerClient({ secret: 's' });
  unsent(
    async () => {
      const found = await indexer.getIndexEvents<UserEvent>('i', 'v');
      expectTypeOf(found.rows[0]?.data).toEqualTypeOf<{ username: string } | undefined>();
      expectTypeOf((await indexer.getIndexEvents('i', 7)).rows[0]?.data).toBeAny();
      expectTypeOf(await indexer.createIndex('i', 'a', 'f')).toEqualTypeOf<'OK'>();
      indexer.createIndex('i', 'a', 'f', (error, ok) => [error, ok]);
      indexer.getIndexEvents('i', 'v', (_error, events) => events?.rows);
    },
    () => new IndexerClient({}),
    // @ts-expect-error that is an option of Client
    () => new IndexerClient({ secret: 's', pathname: '/events' }),
  );
});

test('clients and streams are disposable', () => {
  expectTypeOf(typed).toExtend<AsyncDisposable>();
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
    // @ts-expect-error no such option
    () => new Client('c', { secrets: 's' }),
    // A secret that is missing, and a protocol that there is not, are errors when it runs: services have both from the environment.
    () => new Client('c'),
    () => new Client('c', { secret: process.env.API_SECRET, protocol: process.env.PROTOCOL }),
    () => new Client('c', { secret: 's', hostname: process.env.HOST, port: undefined }),
  );
});

interface OrderPaid {
  type: 'paid';
  data: { order: number };
}
interface OrderSent {
  type: 'sent';
  data: { parcel: string };
}

test('the types of a channel have its events, or those of that type if they are told apart', () => {
  const orders = new Client<{ orders: OrderPaid | OrderSent; 'orders:lost': UserEvent }>('c', {
    secret: 's',
  });
  unsent(
    () =>
      orders.on('orders:paid', (event, channel) => {
        expectTypeOf(event.data).toEqualTypeOf<{ order: number }>();
        expectTypeOf(event.type).toEqualTypeOf<'paid'>();
        expectTypeOf(channel).toEqualTypeOf<'orders:paid'>();
      }),
    () => orders.on('orders:lost', ({ data }) => expectTypeOf(data).toEqualTypeOf<{ username: string }>()),
    () => orders.on('orders:x:y', ({ type }) => expectTypeOf(type).toEqualTypeOf<'paid' | 'sent'>()),
    () => typed.on('users/v1:add', ({ data }) => expectTypeOf(data).toEqualTypeOf<{ username: string }>()),
    () => orders.send('orders:paid', { from: 'x', type: 'paid', data: { order: 1 } }),
    // @ts-expect-error those are the data of another type
    () => orders.send('orders:paid', { from: 'x', type: 'paid', data: { parcel: 'p' } }),
    // @ts-expect-error no such channel
    () => orders.send('order:paid', { from: 'x', type: 'paid', data: { order: 1 } }),
    async () => {
      for await (const { data } of orders.stream('orders:sent')) {
        expectTypeOf(data).toEqualTypeOf<{ parcel: string }>();
      }
    },
  );
});

test('workers are typed per channel', () => {
  const options = { group: 'g' };
  unsent(
    () => {
      const worker = typed.work(
        'users/v1',
        { ...options, concurrency: 4, order: 'data.username' },
        async (event, delivery) => {
          expectTypeOf(event.data).toEqualTypeOf<{ username: string }>();
          expectTypeOf(delivery.count).toEqualTypeOf<number>();
          expectTypeOf(delivery.signal).toEqualTypeOf<AbortSignal>();
          delivery.reject('spam');
          delivery.release();
        },
      );
      worker.on('failed', (event, error) => {
        expectTypeOf(event.data).toEqualTypeOf<{ username: string }>();
        expectTypeOf(error).toEqualTypeOf<unknown>();
      });
      worker.once('dead', ({ data }) => data.username);
      worker.on('error', (error) => expectTypeOf(error).toEqualTypeOf<RequestError>());
      expectTypeOf(worker).toExtend<AsyncDisposable>();
    },
    () => untyped.work('a', options, ({ data }) => data.anything.at.all),
    () => typed.work('users/v1:add', options, ({ data }) => data.username),
    // @ts-expect-error no such channel
    () => typed.work('users/v2', options, () => {}),
    // @ts-expect-error the group is required
    () => typed.work('users/v1', {}, () => {}),
    // @ts-expect-error no such option
    () => typed.work('users/v1', { group: 'g', lease: 1 }, () => {}),
    async () => {
      expectTypeOf((await untyped.groups('a'))[0]?.pending).toEqualTypeOf<number | undefined>();
      expectTypeOf(await untyped.redrive('a', 'g', { ids: [1] })).toEqualTypeOf<number[]>();
    },
  );
});
