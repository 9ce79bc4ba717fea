// JetStream, through its own client: one stream, in a file, with a subject for each channel.
import { jetstream, jetstreamManager, StorageType } from '@nats-io/jetstream';
import { connect as connectToNats } from '@nats-io/transport-node';

/** @type {import('./index.mjs').Connect} */
export async function connect(port) {
  const connection = await connectToNats({ servers: `127.0.0.1:${port}` });
  const manager = await jetstreamManager(connection);
  await manager.streams.add({ name: 'bench', subjects: ['bench.>'], storage: StorageType.File });
  const client = jetstream(connection);
  return {
    send: (channel, event) => client.publish(`bench.${channel}`, JSON.stringify(event)),
    close: () => connection.close(),
  };
}
