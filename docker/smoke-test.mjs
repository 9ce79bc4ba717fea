// Publishes an event and reads it back, with nothing but Node.js: does the image work?
const { EVENTS_URL, API_SECRET } = process.env;
const url = `${EVENTS_URL}/events/v1/events`;
const headers = { Authorization: `Bearer ${API_SECRET}`, 'Content-Type': 'application/json' };
const channel = `smoke/${Date.now()}`;

const body = JSON.stringify({
  clientId: 'smoke',
  channel,
  from: 'smoke',
  type: 'test',
  data: { works: true },
});
const published = await fetch(url, { method: 'POST', headers, body });
if (!published.ok) throw new Error(`publish: ${published.status} ${await published.text()}`);

const read = await fetch(`${url}?${new URLSearchParams({ clientId: 'smoke', channel, after: '0' })}`, {
  headers,
});
const [event] = await read.json();
if (event?.data?.works !== true) throw new Error(`read: ${read.status} ${JSON.stringify(event)}`);
console.log('published and read', event);
