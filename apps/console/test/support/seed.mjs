// A small shop in a server: what the screenshots and some tests show.

/** @typedef {{ url: string, secret: string }} Target */

/**
 * A request of the API that is expected to succeed.
 *
 * @param {Target} target @param {string} method @param {string} path @param {object} [body]
 * @returns {Promise<any>} what it was answered
 */
export async function call({ url, secret }, method, path, body) {
  const response = await fetch(`${url}/events/v1${path}`, {
    method,
    headers: { Authorization: `Bearer ${secret}`, ...(body && { 'Content-Type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

/** @param {Target} target @param {string} channel @param {object[]} events */
export const publish = (target, channel, events) =>
  call(target, 'POST', '/events', { clientId: 'shop', channel, events });

const NAMES = ['Ada', 'Björn', 'Chiara', 'Dmitri', 'Esperança', 'Farid', 'Grace', 'Hiroshi'];
const TYPES = ['placed', 'paid', 'packed', 'sent'];

/** The i-th event of the shop. @param {number} i */
export const order = (i) => ({
  from: i % 3 === 0 ? 'web' : 'app',
  type: TYPES[i % TYPES.length],
  data: {
    order: 1000 + Math.floor(i / 4),
    customer: { name: NAMES[i % NAMES.length], country: i % 2 === 0 ? 'FR' : 'PT' },
    items: [
      { sku: `TEE-${(i * 7) % 90}`, quantity: (i % 3) + 1, price: 19.9 },
      { sku: `MUG-${(i * 3) % 40}`, quantity: 1, price: 8.5 },
    ],
    total: 28.4 + (i % 50),
    gift: i % 5 === 0,
  },
  metadata: {
    traceparent: `00-4bf92f3577b34da6a3ce929d0e0e4${100 + (i % 900)}-00f067aa0ba902b7-01`,
    tenant: 'north',
  },
});

/** Channels, consumers, an index, a group with work in hand and with dead letters. @param {Target} target */
export async function seedShop(target) {
  await publish(
    target,
    'orders',
    Array.from({ length: 240 }, (_, i) => order(i)),
  );
  await publish(
    target,
    'carts',
    Array.from({ length: 60 }, (_, i) => ({ ...order(i), type: 'opened' })),
  );
  await publish(
    target,
    'mails',
    Array.from({ length: 30 }, () => ({ from: 'mailer', type: 'sent' })),
  );
  await publish(target, 'users/signed-up', [{ from: 'web', type: 'signed-up', data: { name: 'Ada' } }]);
  await publish(target, 'stock/warehouse-north', [
    { from: 'stock', type: 'low', data: { sku: 'MUG-3', left: 2 } },
  ]);
  await call(target, 'POST', '/indices', { id: 'by-order', channel: 'orders', field: 'data.order' });
  const at = (/** @type {string} */ clientId, /** @type {string} */ channel, /** @type {number} */ after) =>
    call(target, 'POST', '/cursors', { clientId, cursors: [{ channel, after }] });
  await at('billing', 'orders', 240);
  await at('reporting', 'orders', 120);
  await at('search', 'carts', 60);
  await seedGroup(target);
}

/** A group of which one worker has some events, and some have failed. @param {Target} target */
async function seedGroup(target) {
  const group = { channel: 'orders', group: 'mailers' };
  await call(target, 'PUT', '/groups', { ...group, leaseMs: 3_600_000 });
  const receive = async (/** @type {string} */ clientId, /** @type {number} */ limit) =>
    (await call(target, 'POST', '/groups/receive', { ...group, clientId, limit, timeout: 0 })).events;
  const reasons = [
    '550 5.1.1 no such mailbox',
    'connect ECONNREFUSED smtp.example.org:25',
    'the template has no {{total}}',
  ];
  const failing = await receive('mailer-1', 5);
  await call(target, 'POST', '/groups/settle', {
    ...group,
    reject: failing.map((/** @type {any} */ event, /** @type {number} */ i) => ({
      id: event.id,
      token: event.delivery.token,
      reason: reasons[i % reasons.length],
    })),
  });
  await receive('mailer-1', 12);
  await receive('mailer-2', 8);
}
