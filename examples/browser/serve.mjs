// Serves the page next to this file: node examples/browser/serve.mjs
// With the TOKEN_SECRET of the events server it gives whoever opens the page a token that may read CHANNEL: "demo", or what that says,
// such as "orders" or "orders/*". PORT says where the page is, 8080 if nothing does.
import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';

const { PORT = '8080', TOKEN_SECRET, CHANNEL = 'demo' } = process.env;

/** How long a token is valid, seconds. The page asks for the next one. */
const VALID_S = 600;

/**
 * A real server would look at who asks: which channels a user may read, and as whom.
 *
 * @param {string} secret @param {string} channel
 */
function tokenFor(secret, channel) {
  const claims = {
    iss: 'ganomede-events',
    aud: 'ganomede-events',
    exp: Math.floor(Date.now() / 1000) + VALID_S,
    authorization_details: [
      { type: 'ganomede-events', actions: ['read'], channels: [channel], clientIds: ['page-*'] },
    ],
  };
  const part = (/** @type {object} */ json) => Buffer.from(JSON.stringify(json)).toString('base64url');
  const input = `${part({ alg: 'HS256', typ: 'at+jwt' })}.${part(claims)}`;
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
}

const server = createServer(async ({ method, url }, response) => {
  if (url === '/token' && method === 'POST' && TOKEN_SECRET) {
    const cookie = `__Host-events-token=${tokenFor(TOKEN_SECRET, CHANNEL)}; Path=/; Max-Age=${VALID_S}`;
    response.writeHead(204, { 'Set-Cookie': `${cookie}; Secure; HttpOnly; SameSite=Strict` }).end();
    return;
  }
  if (url !== '/') {
    response.writeHead(404).end();
    return;
  }
  const page = await readFile(new URL('index.html', import.meta.url));
  response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' }).end(page);
});

server.listen(Number(PORT), 'localhost', () => {
  const address = server.address();
  console.log(`The page is at http://localhost:${typeof address === 'object' ? address?.port : address}`);
});
