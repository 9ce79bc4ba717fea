// Writes a bill for each order, those of one customer in their order. An order that cannot be billed is tried three times, and is
// a dead letter then; the other customers do not wait for it.
import { Client } from '@ganomede/events-client';

const events = Client.fromEnv('billing');

/** By currency: what one of it is in euros. Rates are not work to share: each process reads all of them, from the first on. */
const rates = new Map([['EUR', 1]]);
async function followRates() {
  for await (const { data } of events.stream('rates', { after: 0 })) rates.set(data.currency, data.rate);
}
events.on('error', (error) => console.error(error.message));
followRates();

const worker = events.work(
  'orders:paid',
  {
    group: 'billing',
    concurrency: 8,
    order: 'data.customer',
    leaseMs: 3_000,
    maxDeliveries: 3,
    backoffMs: [200, 500],
  },
  async ({ data }) => {
    const rate = rates.get(data.currency);
    if (rate === undefined) throw new Error(`there is no rate for ${data.currency}`);
    await events.send(
      'bills',
      {
        from: 'billing',
        type: 'sent',
        data: { order: data.order, customer: data.customer, euros: data.amount * rate },
      },
      { idempotencyKey: `bill-${data.order}` },
    );
    console.log(`bill of order ${data.order} for ${data.customer}`);
  },
);
worker.on('error', (error) => console.error(error.message));
worker.on('failed', (event, error) => console.error(`order ${event.data.order}: ${error}`));
worker.on('dead', (event) => console.error(`order ${event.data.order} is a dead letter`));

process.once('SIGTERM', () => events.close());
