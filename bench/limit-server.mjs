// What the platform allows: a bare Fastify app with the body schema of a publish, no store, no secret, no logs.
import { PublishBody, PublishReply } from '@ganomede/events-protocol/schemas';
import Fastify from 'fastify';
import { storedEvent } from './load/requests.mjs';

// `bytes`: reads send prepared bytes. `copies`: a copy of them each, as pages differ. `park`: they wait until something is
// published, and are then all answered.
const [port, reads] = process.argv.slice(2);
const JSON_TYPE = 'application/json; charset=utf-8';

const app = Fastify({ logger: false });
/** @type {Map<string, import('fastify').FastifyReply[]>} */
const parked = new Map();
const page = Buffer.from(`[${Array.from({ length: 100 }, (_, i) => storedEvent(900 + i)).join(',')}]`);
const single = Buffer.from(`[${storedEvent(1)}]`);

app.post(
  '/events/v1/events',
  { schema: { body: PublishBody, response: { 200: PublishReply } } },
  (request, reply) => {
    const { channel } = /** @type {{ channel: string }} */ (request.body);
    const waiting = parked.get(channel);
    if (waiting !== undefined) {
      parked.delete(channel);
      for (const poll of waiting) poll.header('content-type', JSON_TYPE).send(single);
    }
    reply.send({ id: 1, timestamp: 1429084002258 });
  },
);

app.get('/events/v1/events', (request, reply) => {
  if (reads !== 'park') {
    return reply.header('content-type', JSON_TYPE).send(reads === 'bytes' ? page : Buffer.from(page));
  }
  const { channel } = /** @type {{ channel: string }} */ (request.query);
  const waiting = parked.get(channel);
  if (waiting === undefined) parked.set(channel, [reply]);
  else waiting.push(reply);
});

process.once('SIGTERM', () => process.exit(0));
await app.listen({ port: Number(port), host: '127.0.0.1' });
