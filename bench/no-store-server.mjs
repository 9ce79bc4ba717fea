// Our routes on a storage that stores nothing: what is left is HTTP, and what the server checks, serialises, counts and logs.
import { buildApp } from '@ganomede/events-server';
import { openEventStore } from '@ganomede/events-store';
import { SECRET } from './load/requests.mjs';

const store = await openEventStore(() => ({
  ...{ cursors: nothing(), indices: nothing(), channels: nothing(), groups: nothing() },
  listen: () => {},
  append: async () => ({ kind: 'appended', firstId: 1, timestamp: Date.now() }),
  scan: () => Promise.reject(new Error('Nothing is stored')),
  eventsById: () => Promise.reject(new Error('Nothing is stored')),
  close: async () => {},
}));
const app = buildApp({ store, config: { apiSecret: SECRET }, directAnswers: true });

process.once('SIGTERM', () => process.exit(0));
await app.listen({ port: Number(process.argv[2]), host: '127.0.0.1' });

/** What publishing does not use. @returns {any} */
function nothing() {
  return {};
}
