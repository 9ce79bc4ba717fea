#!/usr/bin/env node
// Sends each line of a file, or of standard input, as an event.
import { open } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { Client } from '@ganomede/events-client';

const HELP = `Usage: node examples/publish.mjs [options] <channel> [file]

Sends each line of a file (without one: of standard input) as an event to a channel, in order, and prints
the id that the server gave it. Ends when the server has acknowledged every line.

Options:
  --type <type>        what happened (default "line"); it is the event's type
  --from <name>        who says so (default "example")
  --client-id <name>   name of this publisher (default "example-publisher")
  -h, --help           this text

Environment:
  API_SECRET           the server's secret (required)
  EVENTS_URL           where the server is (default http://localhost:8000)
`;

/** How long to try to send one line, milliseconds. */
const SEND_TIMEOUT_MS = 5_000;

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
        type: { type: 'string', default: 'line' },
        from: { type: 'string', default: 'example' },
        'client-id': { type: 'string', default: 'example-publisher' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    return fail(`${/** @type {Error} */ (error).message}\n\n${HELP}`);
  }
}

/** The lines of a file, or of standard input. @param {string | undefined} file */
async function* lines(file) {
  if (file === undefined) yield* createInterface({ input: process.stdin });
  else yield* (await open(file)).readLines();
}

const { values: options, positionals } = readArguments();
if (options.help) {
  console.log(HELP);
  process.exit();
}
const [channel, file, ...more] = positionals;
if (channel === undefined || more.length > 0) fail(HELP);
const { API_SECRET: secret, EVENTS_URL: url = 'http://localhost:8000' } = process.env;
if (!secret)
  fail('Set API_SECRET to the secret of the server: without one, the server prints it when it starts.');

let sent = 0;
try {
  const client = new Client(options['client-id'], { url, secret, sendTimeoutMs: SEND_TIMEOUT_MS });
  for await (const text of lines(file)) {
    const { id } = await client.send(channel, { from: options.from, type: options.type, data: { text } });
    console.log(id);
    sent += 1;
  }
  await client.close();
} catch (error) {
  fail(`Stopped after ${sent} events: ${/** @type {Error} */ (error).message}`);
}
