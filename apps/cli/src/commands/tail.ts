import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { api } from '@ganomede/events-client';
import type { Event } from '@ganomede/events-protocol';
import { type Command, Option } from 'commander';
import { eventLine } from '../terminal/event-line.js';
import type { Terminal } from '../terminal/terminal.js';
import { counted, named } from '../terminal/wording.js';
import { CLIENT_ID, type Context, type Runner } from './context.js';
import { eventPages } from './event-pages.js';
import { idValue, timeValue } from './values.js';

/** How often a group is looked at to see whether it has come to the end, milliseconds. */
const LOOK_MS = 250;

interface TailOptions {
  readonly type?: string;
  readonly last: number;
  readonly since?: Date;
  readonly after?: number;
  readonly group?: string;
  readonly untilEnd?: true;
  readonly clientId: string;
}

export function addTail(program: Command, run: Runner): void {
  program
    .command('tail')
    .summary('follow the events of a channel')
    .description(
      'Shows the newest events of a channel and every one that comes, until Ctrl-C. Looking on leaves nothing at the server: no ' +
        'consumer, no cursor. With --group it works: events are taken from the group and acknowledged once they are shown.',
    )
    .argument('<channel>', 'such as orders, or orders:paid for one type')
    .option('--type <type>', 'only events of this type')
    .addOption(
      new Option('-n, --last <count>', 'begin with so many of the newest events')
        .argParser(idValue)
        .default(10)
        .conflicts(['since', 'after', 'group']),
    )
    .addOption(
      new Option(
        '--since <time>',
        'begin with the events of a time (2026-11-28T16:00:00Z), or of so long ago (15m, 2h, 7d)',
      )
        .argParser(timeValue)
        .conflicts('after'),
    )
    .option('--after <id>', 'begin behind this event; 0 is the beginning', idValue)
    .addOption(
      new Option('--group <name>', 'take events from this group, as one of its workers').conflicts([
        'since',
        'after',
      ]),
    )
    .option('--until-end', 'end with the newest event there is now')
    .option('--client-id <name>', 'who reads, as the server sees it', CLIENT_ID)
    .addHelpText(
      'after',
      `
Examples:
  $ ganomede-events tail orders
  $ ganomede-events tail orders --type paid --since 1h --until-end --json | jq .data.order`,
    )
    .action(run(tail));
}

async function tail(context: Context, name: string, options: TailOptions): Promise<void> {
  const channel = options.type === undefined ? name : `${name}:${options.type}`;
  // Without one there is nothing to wait for.
  const end = options.untilEnd ? ((await newest(context, channel))?.id ?? 0) : Number.POSITIVE_INFINITY;
  if (options.group === undefined) await follow(context, channel, options, end);
  else await work(context, channel, { ...options, group: options.group }, end);
}

async function newest({ server, signal }: Context, channel: string): Promise<Event | undefined> {
  const [event] = await api.latest(server, { channel, limit: 1, signal });
  return event;
}

async function follow(context: Context, channel: string, options: TailOptions, end: number): Promise<void> {
  const { terminal, server, signal } = context;
  const begin = await beginning(context, channel, options);
  for (const event of begin.events) if (event.id <= end) await show(terminal, event);
  let after = begin.after;
  if (after >= end) return;
  const onRetry = () => terminal.warn('The connection was lost; it is made again.');
  const reading = { channel, after, clientId: options.clientId, signal, onRetry };
  for await (const { events, firstId, rewoundTo, lookedThrough } of eventPages(server, reading)) {
    if (rewoundTo !== undefined) {
      terminal.warn(`The store came back older than it was: going on behind id ${rewoundTo}.`);
      after = rewoundTo;
    } else if (after > 0 && firstId > after + 1) {
      terminal.warn(`Events ${after + 1} to ${firstId - 1} are no longer kept.`);
    }
    for (const event of events) if (event.id <= end) await show(terminal, event);
    after = Math.max(events.at(-1)?.id ?? after, lookedThrough);
    if (after >= end) return;
  }
}

/** Events to begin with, and where to go on. */
async function beginning(
  { server, signal }: Context,
  channel: string,
  { last, since, after }: TailOptions,
): Promise<{ readonly events: readonly Event[]; readonly after: number }> {
  if (after !== undefined) return { events: [], after };
  if (since !== undefined)
    return { events: [], after: (await api.findCursor(server, { channel, time: since, signal })).after };
  const events = await api.latest(server, { channel, limit: Math.max(1, last), signal });
  return { events: last === 0 ? [] : events, after: events.at(-1)?.id ?? 0 };
}

async function work(
  context: Context,
  channel: string,
  { group, clientId }: TailOptions & { readonly group: string },
  end: number,
): Promise<void> {
  const { terminal, signal } = context;
  if (end === 0) return;
  const client = context.client(clientId);
  const stop = new AbortController();
  signal.addEventListener('abort', () => stop.abort());
  if (signal.aborted) stop.abort();
  let failure: unknown;
  let count = 0;
  try {
    const worker = client.work(channel, { group }, async (event) => {
      await show(terminal, event);
      count += 1;
    });
    worker.on('error', (error) => {
      if (!api.mayYetSucceed(error)) {
        failure = error;
        stop.abort();
      } else terminal.warn(error.message);
    });
    if (end === Number.POSITIVE_INFINITY && !stop.signal.aborted) await once(stop.signal, 'abort');
    while (!stop.signal.aborted) {
      const states = await client.groups(channel);
      const state = states.find((one) => one.channel === channel && one.group === group);
      const isBusy = state?.workers.some((worker) => worker.clientId === clientId);
      if (state !== undefined && state.after >= end && !isBusy) break;
      await sleep(LOOK_MS, undefined, { signal: stop.signal }).catch(() => {});
    }
  } finally {
    await client.close();
  }
  if (failure !== undefined) throw failure;
  if (!terminal.isJson) terminal.say(`${counted(count, 'event')} acknowledged for ${named(group)}.`);
}

async function show(terminal: Terminal, event: Event): Promise<void> {
  await terminal.line(terminal.isJson ? JSON.stringify(event) : eventLine(event, terminal));
}
