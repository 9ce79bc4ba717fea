// Events in a server of one's own: @ganomede/events-store-redis behind node:http, without Fastify.
//
//   POST /<channel>                 {"from":"me","type":"add","data":{…}}  → {"id":1,"timestamp":…}
//   GET  /<channel>?after=0         the events after an id; waits up to 30 seconds for the next one
import { createServer } from 'node:http';
import { EventsError } from '@ganomede/events-protocol';
import { createRedisStore } from '@ganomede/events-store-redis';

const { REDIS_URL = 'redis://localhost:6379', PORT = '8001' } = process.env;

const store = await createRedisStore({ url: REDIS_URL, onWarning: (warning) => console.warn(warning) });

const server = createServer(async (request, response) => {
  try {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const channel = decodeURIComponent(url.pathname.slice(1));
    if (request.method === 'POST') {
      const { from, type, data } = await readJson(request);
      const [header] = await store.append(channel, [{ from, type, data }]);
      send(response, 200, JSON.stringify(header));
    } else {
      // Whoever hangs up waits no longer.
      const gone = new AbortController();
      response.on('close', () => gone.abort());
      const after = url.searchParams.get('after') ?? '0';
      if (!/^\d{1,15}$/.test(after))
        throw new TypeError(`Invalid after: expected an integer from 0, got ${after}`);
      const cursor = { channel, after: Number(after), limit: 100 };
      const batch = await store.poll(cursor, { timeoutMs: 30_000, signal: gone.signal });
      // JSON text as it is stored: nothing is parsed on the way.
      send(response, 200, batch.json);
    }
  } catch (error) {
    const [status, code] =
      error instanceof EventsError ? [error.status, error.code] : [400, 'InvalidContent'];
    send(response, status, JSON.stringify({ code, message: String(error) }));
  }
});

server.listen(Number(PORT), () => {
  const address = server.address();
  console.log(`Listening on http://localhost:${typeof address === 'object' ? address?.port : address}`);
});

process.once('SIGTERM', stop);
process.once('SIGINT', stop);

/** Ends the polls that wait, each with an empty answer, and then the server. */
async function stop() {
  server.close();
  await store.close();
  server.closeIdleConnections();
}

/** @param {import('node:http').IncomingMessage} request */
async function readJson(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString());
}

/** @param {import('node:http').ServerResponse} response @param {number} status @param {string | Buffer} json */
function send(response, status, json) {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(json);
}
