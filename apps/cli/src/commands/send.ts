import { createInterface } from 'node:readline';
import { api, type Client } from '@ganomede/events-client';
import type { EventHeader } from '@ganomede/events-protocol';
import type { Command } from 'commander';
import { failureOf } from '../connection/failure.js';
import { CliError, wrongUsage } from '../terminal/cli-error.js';
import { Progress } from '../terminal/progress.js';
import { counted, idsBetween, named } from '../terminal/wording.js';
import { CLIENT_ID, type Context, type Runner } from './context.js';
import { idValue } from './values.js';

/** Sends that wait for their answer at a time: a request of the client takes as many. */
const MAX_UNDER_WAY = 1_000;

interface SendOptions {
  readonly from: string;
  readonly metadata?: string;
  readonly key?: string;
  readonly expectedLastId?: number;
  readonly clientId: string;
}

interface Sent {
  readonly from?: string;
  readonly type: string;
  readonly data?: object;
  readonly metadata?: Record<string, string>;
}

export function addSend(program: Command, run: Runner): void {
  program
    .command('send')
    .summary('publish events')
    .description(
      'Publishes one event, or with no type each line of standard input: a JSON text {"type", "data"?, "from"?, "metadata"?}. ' +
        'Lines are sent many at a time and stored in their order.',
    )
    .argument('<channel>', 'where to, such as orders')
    .argument('[type]', 'what happened, such as paid; without it events are read from standard input')
    .argument('[data]', 'JSON, an object or an array, such as \'{"order": 17}\'')
    .option('--from <name>', 'who says so, where a line does not', CLIENT_ID)
    .option('--metadata <json>', 'what is about the event and not in it: an object of texts')
    .option('--key <text>', 'sent again with the same key, the event is stored once')
    .option('--expected-last-id <id>', 'send only if this is the newest id of the channel', idValue)
    .option('--client-id <name>', 'who publishes, as the server counts keys', CLIENT_ID)
    .addHelpText(
      'after',
      `
Examples:
  $ ganomede-events send orders paid '{"order": 17}'
  $ printf '%s\\n' '{"type":"paid","data":{"order":18}}' | ganomede-events send orders`,
    )
    .action(run(send));
}

async function send(
  context: Context,
  channel: string,
  type: string | undefined,
  data: string | undefined,
  options: SendOptions,
): Promise<void> {
  if (type === undefined) return sendLines(context, channel, options);
  const { from, metadata, key, expectedLastId, clientId } = options;
  const client = context.sender(clientId);
  const close = () => void client.close();
  context.signal.addEventListener('abort', close);
  try {
    const event = {
      from,
      type,
      ...(data !== undefined && { data: parsed('data', data) }),
      ...(metadata !== undefined && { metadata: parsed('metadata', metadata) as Record<string, string> }),
    };
    const header = await client.send(channel, event, { idempotencyKey: key, expectedLastId });
    await context.terminal.result(header, `Event ${header.id} of ${named(channel)} is stored.`);
  } finally {
    await client.close();
  }
}

function parsed(what: string, text: string): object {
  try {
    return JSON.parse(text);
  } catch {
    throw wrongUsage(
      `The ${what} is no JSON; expected something such as '{"order": 17}', in quotes of the shell.`,
    );
  }
}

async function sendLines(context: Context, channel: string, options: SendOptions): Promise<void> {
  const { stdin, stderr } = context.terminal;
  if (stdin.isTTY) throw wrongUsage('Give the type of the event, or pipe events in, a JSON text a line.');
  if (options.key !== undefined || options.expectedLastId !== undefined || options.metadata !== undefined)
    throw wrongUsage(
      '--key, --expected-last-id and --metadata are for one event; lines have a metadata of their own.',
    );
  const client = context.client(options.clientId);
  const close = () => {
    stdin.destroy();
    void client.close();
  };
  context.signal.addEventListener('abort', close);
  const progress = new Progress(stderr, 'Sending');
  const sending = new Sending(context, client, channel, progress);
  try {
    let n = 0;
    for await (const line of createInterface({ input: stdin })) {
      n += 1;
      if (line.trim() === '') continue;
      await sending.add(n, eventOf(line, options.from));
      if (sending.failure !== undefined) break;
    }
    await sending.all();
  } finally {
    progress.end();
    await client.close();
  }
  await sending.conclude();
}

/** The event of a line; what it is not is said by the client. */
function eventOf(line: string, from: string): Sent | undefined {
  try {
    const event = JSON.parse(line) as Sent;
    return typeof event === 'object' && event !== null ? { from, ...event } : undefined;
  } catch {
    return undefined;
  }
}

/** Lines on their way. After the first that fails none follows. */
class Sending {
  readonly #context: Context;
  readonly #client: Client;
  readonly #channel: string;
  readonly #progress: Progress;
  readonly #underWay: Promise<void>[] = [];
  #first: EventHeader | undefined;
  #last: EventHeader | undefined;
  #stored = 0;
  /** Of the first line that could not be sent. */
  failure: { readonly line: number; readonly error: unknown } | undefined;

  constructor(context: Context, client: Client, channel: string, progress: Progress) {
    this.#context = context;
    this.#client = client;
    this.#channel = channel;
    this.#progress = progress;
  }

  /** Resolves once there is room for another. */
  async add(line: number, event: Sent | undefined): Promise<void> {
    try {
      if (event === undefined)
        throw wrongUsage('expected a JSON object such as {"type":"paid","data":{"order":17}}.');
      // Says at once what is wrong with it, before a later line is sent.
      api.appendOf(this.#channel, event);
    } catch (error) {
      this.failure ??= { line, error };
      return;
    }
    const header = this.#client.send(this.#channel, event as never);
    this.#underWay.push(
      header.then(
        (stored) => this.#isStored(stored),
        (error) => {
          this.failure ??= { line, error };
        },
      ),
    );
    // What comes first is answered first.
    if (this.#underWay.length >= MAX_UNDER_WAY) await this.#underWay.shift();
  }

  async all(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  /** Says what was stored. @throws CliError if it is not all */
  async conclude(): Promise<void> {
    const { terminal } = this.#context;
    const [first, last, stored] = [this.#first?.id, this.#last?.id, this.#stored];
    const ids = first === undefined || last === undefined ? '' : `, ${idsBetween(first, last)}`;
    const told = `${counted(stored, 'event')} sent to ${named(this.#channel)}${ids}.`;
    if (!terminal.isJson) terminal.say(told);
    if (this.failure === undefined || this.#context.signal.aborted) return;
    const { line, error } = this.failure;
    const failure = failureOf(error, () => this.#context.settings.url);
    if (failure === undefined) throw error;
    throw new CliError(`Line ${line}: ${failure.message}`, failure.exitCode);
  }

  async #isStored(header: EventHeader): Promise<void> {
    this.#first ??= header;
    this.#last = header;
    this.#stored += 1;
    this.#progress.show(this.#stored);
    if (this.#context.terminal.isJson) await this.#context.terminal.line(JSON.stringify(header));
  }
}
