// Our routes on a store that stores nothing: what is left is HTTP, and what the server checks, counts and logs.
import { buildApp } from '@ganomede/events-server';
import { SECRET } from './load/requests.mjs';

const nothing = () => Promise.reject(new Error('There is no store'));

const app = buildApp({
  store: {
    append: async (_channel, events) => events.map((_, i) => ({ id: i + 1, timestamp: Date.now() })),
    read: nothing,
    latest: nothing,
    poll: nothing,
    loadCursor: nothing,
    saveCursor: nothing,
    createIndex: nothing,
    indices: nothing,
    readIndex: nothing,
    ping: async () => {},
    waiting: 0,
    close: async () => {},
  },
  config: { apiSecret: SECRET },
});

process.once('SIGTERM', () => process.exit(0));
await app.listen({ port: Number(process.argv[2]), host: '127.0.0.1' });
