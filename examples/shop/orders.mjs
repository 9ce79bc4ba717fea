// Takes orders, one after the other, for as long as it runs. Each seventh is in a currency that billing has no rate for.
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '@ganomede/events-client';

const events = Client.fromEnv('orders');
const over = new AbortController();
process.once('SIGTERM', () => over.abort());

const CUSTOMERS = ['alice', 'bob', 'carol'];
const [last] = await events.getLatestEvents('orders', 1);

for (let order = (last?.data.order ?? 0) + 1; !over.signal.aborted; order++) {
  const currency = order % 7 === 3 ? 'XTS' : 'EUR';
  const customer = CUSTOMERS[order % CUSTOMERS.length];
  // Under a key, since this process may be killed before it hears that the order is stored.
  await events.send(
    'orders',
    { from: 'orders', type: 'paid', data: { order, customer, amount: 10 + (order % 90), currency } },
    { idempotencyKey: `order-${order}` },
  );
  console.log(`order ${order} of ${customer} is paid, in ${currency}`);
  await sleep(200, undefined, { signal: over.signal }).catch(() => {});
}
await events.close();
