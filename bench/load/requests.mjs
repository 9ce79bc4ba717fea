// The requests of a load, in the dialect of each contender, as text that goes to the socket as it is.

export const SECRET = 'bench-secret';

/** Bytes of an event's JSON, as it is stored and delivered. */
export const EVENT_BYTES = 200;

/** @typedef {'ours' | 'original' | 'nchan'} Dialect */

const storedWithout = (/** @type {string} */ text) =>
  `{"id":123456,"timestamp":1429084002258,"from":"bench","type":"measured","data":{"text":"${text}"}}`;
const TEXT = 'x'.repeat(EVENT_BYTES - storedWithout('').length);
const EVENT = `"from":"bench","type":"measured","data":{"text":"${TEXT}"}`;

/** The same, as a client sends it. @returns {import('./peers/index.mjs').Event} */
export const event = () => ({ from: 'bench', type: 'measured', data: { text: TEXT } });

/** An event as it is stored. @param {number} id */
export const storedEvent = (id) => `{"id":${id},"timestamp":1429084002258,${EVENT}}`;

/** Bytes of the JSON of the events 1 to `count`. @param {number} count */
export function storedBytes(count) {
  let bytes = 0;
  for (let digits = 1, from = 1; from <= count; digits++, from *= 10) {
    bytes += (Math.min(count, from * 10 - 1) - from + 1) * (storedEvent(0).length - 1 + digits);
  }
  return bytes;
}

/** @param {Dialect} dialect @param {string} channel @param {number} [batch]  events in one request; not given: one, by itself */
export function publish(dialect, channel, batch) {
  if (dialect === 'nchan') return post(`/pub/${channel}`, `{${EVENT}}`);
  const secret = dialect === 'original' ? `"secret":"${SECRET}",` : '';
  const start = `{${secret}"clientId":"bench","channel":"${channel}",`;
  const body =
    batch === undefined
      ? `${start}${EVENT}}`
      : `${start}"events":[${Array(batch).fill(`{${EVENT}}`).join(',')}]}`;
  return post('/events/v1/events', body);
}

/** @param {string} path @param {string} body */
const post = (path, body) =>
  `POST ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${SECRET}\r\n` +
  `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

/**
 * @param {Dialect} dialect @param {string} channel @param {string} clientId
 * @param {{ after?: number, limit?: number, timeout?: number }} [place]
 */
export function read(dialect, channel, clientId, place = {}) {
  if (dialect === 'nchan') return get(`/sub/${channel}`);
  const query = Object.entries(place).map(([name, value]) => `&${name}=${value}`);
  if (dialect === 'original') query.push(`&secret=${SECRET}`);
  return get(`/events/v1/events?clientId=${clientId}&channel=${channel}${query.join('')}`);
}

/** @param {string[]} channels @param {string} clientId */
export const stream = (channels, clientId) =>
  post('/events/v1/streams', JSON.stringify({ clientId, cursors: channels.map((channel) => ({ channel })) }));

/** @param {string} path */
const get = (path) =>
  `GET ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${SECRET}\r\nAccept: application/json\r\n\r\n`;

/**
 * @typedef {object} Plan
 * @property {'publish' | 'read'} kind
 * @property {Dialect} dialect
 * @property {string} channel   name of the channel, or what its name begins with
 * @property {number} [channels]  how many channels the load goes to, at random: `<channel>0`, `<channel>1`, …
 * @property {number} [batch]
 * @property {number} [newest]  read: newest id of the channel
 * @property {number} [span]    read: the cursors lie at random in so many events before the last page
 * @property {number} [limit]   read
 */

/** What a connection sends next. @param {Plan} plan @returns {(connection: number) => string} */
export function requestsOf({ kind, dialect, channel, channels, batch, newest = 0, span = 1, limit = 100 }) {
  const nameOf =
    channels === undefined ? () => channel : () => `${channel}${Math.floor(Math.random() * channels)}`;
  if (kind === 'publish') {
    if (channels !== undefined) return () => publish(dialect, nameOf(), batch);
    const request = publish(dialect, channel, batch);
    return () => request;
  }
  return (connection) => {
    const after = Math.max(newest - limit - Math.floor(Math.random() * span), 0);
    return read(dialect, nameOf(), `consumer-${connection}`, { after, limit });
  };
}
