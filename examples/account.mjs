#!/usr/bin/env node
// A bank account as events: what it holds follows from them, and it is never overdrawn, however many withdraw at once.
import { parseArgs } from 'node:util';
import { Client } from '@ganomede/events-client';

const HELP = `Usage: node examples/account.mjs [options] <account> pay|withdraw <amount>

Pays an amount into an account, or takes it out, and prints what the account holds then. Takes nothing out that is not
there: it says so and ends with 2.

Several of these may be at one account at the same time. Each decides by the events that it has read, and the server stores
what it has decided only if no other event has come since.

Options:
  --as <name>          who does it (default "teller"); each at the account needs a name of its own
  --times <number>     how often (default 1)
  -h, --help           this text

Environment:
  API_SECRET           the server's secret (required)
  EVENTS_URL           where the server is (default http://localhost:8000)
`;

/** @param {string} message @param {number} [status] @returns {never} */
function fail(message, status = 1) {
  console.error(message);
  process.exit(status);
}

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        as: { type: 'string', default: 'teller' },
        times: { type: 'string', default: '1' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    return fail(`${/** @type {Error} */ (error).message}\n\n${HELP}`);
  }
}

/** What an account holds, as far as its events are known here. */
class Account {
  /** @type {Client} */
  #client;
  #channel;
  #lastId = 0;
  balance = 0;

  /** @param {Client} client @param {string} name */
  constructor(client, name) {
    this.#client = client;
    this.#channel = `accounts/${name}`;
  }

  /** Reads what has come since, up to the event with this id. @param {number} lastId */
  async catchUp(lastId) {
    if (lastId <= this.#lastId) return;
    for await (const { id, data } of this.#client.stream(this.#channel, { after: this.#lastId })) {
      this.#lastId = id;
      this.balance += data.amount;
      if (id >= lastId) return;
    }
  }

  /**
   * Books an amount, if the balance allows it. False: it does not.
   *
   * @param {string} from
   * @param {number} amount
   */
  async book(from, amount) {
    for (;;) {
      if (this.balance + amount < 0) return false;
      const event = { from, type: amount < 0 ? 'withdrawn' : 'paid', data: { amount } };
      try {
        const { id } = await this.#client.send(this.#channel, event, { expectedLastId: this.#lastId });
        this.#lastId = id;
        this.balance += amount;
        return true;
      } catch (error) {
        // Somebody else was quicker: decide again, by what is true now.
        const { code, lastId } = /** @type {import('@ganomede/events-client').RequestError} */ (error);
        if (code !== 'UnexpectedLastId' || lastId === undefined) throw error;
        await this.catchUp(lastId);
      }
    }
  }
}

const { values: options, positionals } = readArguments();
if (options.help) {
  console.log(HELP);
  process.exit();
}
const [name, action, amount = '', ...more] = positionals;
if (name === undefined || more.length > 0) fail(HELP);
if (action !== 'pay' && action !== 'withdraw') fail(HELP);
for (const number of [amount, options.times]) if (!/^\d+$/.test(number)) fail(HELP);
const { API_SECRET: secret, EVENTS_URL: url = 'http://localhost:8000' } = process.env;
if (!secret)
  fail('Set API_SECRET to the secret of the server: without one, the server prints it when it starts.');

const client = new Client(options.as, { url, secret });
try {
  const account = new Account(client, name);
  const change = action === 'pay' ? Number(amount) : -Number(amount);
  for (let i = 0; i < Number(options.times); i++) {
    if (!(await account.book(options.as, change))) fail(`Not covered: ${account.balance} left`, 2);
    console.log(account.balance);
  }
  await client.close();
} catch (error) {
  fail(/** @type {Error} */ (error).message);
}
