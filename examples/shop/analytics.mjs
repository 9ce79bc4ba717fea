// Adds up the orders of the last hour, and of those that come. It keeps nothing: each start begins an hour back, under a name
// that has no saved cursor.
import { randomUUID } from 'node:crypto';
import { Client } from '@ganomede/events-client';

const events = Client.fromEnv(`analytics-${randomUUID()}`);
events.on('error', (error) => console.error(error.message));
const over = new AbortController();
process.once('SIGTERM', () => over.abort());

const HOUR_MS = 3_600_000;
let orders = 0;
let total = 0;
for await (const { data } of events.stream('orders:paid', {
  start: Date.now() - HOUR_MS,
  signal: over.signal,
})) {
  orders += 1;
  total += data.amount;
  console.log(`${orders} orders in this hour, ${(total / orders).toFixed(2)} on average`);
}
await events.close();
