// JetStream, through its own client: one stream, in a file, with a subject for each channel, and one durable consumer.
import { AckPolicy, DeliverPolicy, jetstream, jetstreamManager, StorageType } from '@nats-io/jetstream';
import { connect as connectToNats } from '@nats-io/transport-node';
import { PAGE } from './index.mjs';

/** @type {import('./index.mjs').Connect} */
export async function connect(port) {
  const connection = await connectToNats({ servers: `127.0.0.1:${port}` });
  const manager = await jetstreamManager(connection);
  await manager.streams.add({ name: 'bench', subjects: ['bench.>'], storage: StorageType.File });
  const client = jetstream(connection);
  const send = (/** @type {string} */ channel, /** @type {object} */ event) =>
    client.publish(`bench.${channel}`, JSON.stringify(event));
  return {
    send,
    // This server has no batches.
    sendBatch: (channel, events) => Promise.all(events.map((event) => send(channel, event))),
    listen: async (channels, receive) => {
      const [only] = channels;
      await manager.consumers.add('bench', {
        durable_name: 'bench',
        ack_policy: AckPolicy.Explicit,
        deliver_policy: DeliverPolicy.All,
        max_ack_pending: 2 * PAGE,
        filter_subject: channels.length === 1 ? `bench.${only}` : 'bench.>',
      });
      const consumer = await client.consumers.get('bench', 'bench');
      await consumer.consume({
        max_messages: PAGE,
        callback: (message) => {
          receive(message.json());
          message.ack();
        },
      });
    },
    close: () => connection.close(),
  };
}
