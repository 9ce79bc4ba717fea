#!/usr/bin/env node
// What somebody does who finds dead letters of billing: looks at them, mends the cause (here the rate of a currency), and has them
// delivered again.
import { Client } from '@ganomede/events-client';

const { API_SECRET, EVENTS_URL } = process.env;
const events = Client.fromEnv('operator');

const letters = await events.getLatestEvents('orders.dead-letters', 1000);
for (const { data } of letters) {
  console.log(`order ${data.event.data.order}: ${data.reason}, after ${data.count} deliveries`);
}
await events.send('rates', { from: 'operator', type: 'set', data: { currency: 'XTS', rate: 0.5 } });

const response = await fetch(`${EVENTS_URL}/events/v1/groups/redrive`, {
  method: 'POST',
  headers: { Authorization: `Bearer ${API_SECRET}`, 'Content-Type': 'application/json' },
  body: JSON.stringify({ channel: 'orders:paid', group: 'billing' }),
});
console.log(response.status, await response.text());
await events.close();
