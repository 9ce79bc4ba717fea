// Sends a mail for each order. Two processes of this share the work: each order is one of theirs.
import { Client } from '@ganomede/events-client';

// One name for all of them: keys of sends belong to it.
const events = Client.fromEnv('mailer');

// A mail takes far less than the lease of three seconds; what a killed worker held goes to another one after that.
const settings = { group: 'mailer', concurrency: 4, leaseMs: 3_000 };
const worker = events.work('orders:paid', settings, async ({ data }) => {
  // If a worker is killed between the mail and its acknowledgement, another one gets the order again. So the mail goes out under a key by
  // which it is one mail, however often it is sent; here into a channel of mails.
  await events.send(
    'mails',
    { from: 'mailer', type: 'sent', data: { to: data.customer, order: data.order } },
    { idempotencyKey: `mail-${data.order}` },
  );
  console.log(`mail to ${data.customer} about order ${data.order}`);
});
worker.on('error', (error) => console.error(error.message));
worker.on('failed', (event, error) => console.error(`order ${event.data.order}: ${error}`));

process.once('SIGTERM', () => events.close());
