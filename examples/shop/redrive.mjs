#!/usr/bin/env node
// What somebody does who finds dead letters of billing: looks at them, mends the cause (here the rate of a currency), and has them
// delivered again.
import { Client } from '@ganomede/events-client';

const events = Client.fromEnv('operator');

const letters = await events.getLatestEvents('orders.dead-letters', 1000);
for (const { data } of letters) {
  console.log(`order ${data.event.data.order}: ${data.reason}, after ${data.count} deliveries`);
}
await events.send('rates', { from: 'operator', type: 'set', data: { currency: 'XTS', rate: 0.5 } });

const ids = await events.redrive('orders:paid', 'billing', { limit: 1000 });
console.log(`${ids.length} events are delivered again`);
await events.close();
