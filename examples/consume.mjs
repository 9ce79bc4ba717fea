#!/usr/bin/env node
// Prints the events of a channel as they come. Stopped and started again, it goes on where it was.
import { parseArgs } from 'node:util';
import { Client } from '@ganomede/events-client';

const HELP = `Usage: node examples/consume.mjs [options] <channel>

Prints the events of a channel as they come, one line of JSON each, until Ctrl-C. The server remembers for each
client id which events it has had: started again, this goes on with the next one.

A channel "orders" has every event; "orders:paid" only those of the type "paid".

Options:
  --client-id <name>   name of this consumer (default "example-consumer")
  -h, --help           this text

Environment:
  API_SECRET           the server's secret (required)
  EVENTS_URL           where the server is (default http://localhost:8000)
`;

/** @param {string} message @returns {never} */
function fail(message) {
  console.error(message);
  process.exit(1);
}

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        'client-id': { type: 'string', default: 'example-consumer' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    return fail(`${/** @type {Error} */ (error).message}\n\n${HELP}`);
  }
}

const { values: options, positionals } = readArguments();
if (options.help) {
  console.log(HELP);
  process.exit();
}
const [channel, ...more] = positionals;
if (channel === undefined || more.length > 0) fail(HELP);
const { API_SECRET: secret, EVENTS_URL: url = 'http://localhost:8000' } = process.env;
if (!secret)
  fail('Set API_SECRET to the secret of the server: without one, the server prints it when it starts.');

const client = new Client(options['client-id'], { url, secret });

// The client goes on by itself after a failure; what the server refuses, though, no retry will mend.
client.on('error', (error) => {
  console.error(error.message);
  const { statusCode = 0 } = error;
  if (statusCode >= 400 && statusCode < 500) process.exit(1);
});

client.on(channel, (event) => console.log(JSON.stringify(event)));

// Closing tells the server which events have been printed: the next start goes on behind them.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => client.close());
