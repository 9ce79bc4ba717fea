import { randomUUID } from 'node:crypto';
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { api, type Client } from '@ganomede/events-client';
import { type Command, Option } from 'commander';
import { Progress } from '../terminal/progress.js';
import { number } from '../terminal/wording.js';
import type { Context, Runner } from './context.js';
import { countValue, durationValue } from './values.js';

/** How long the last events have to arrive, milliseconds. */
const LAST_MS = 10_000;

interface BenchOptions {
  readonly duration: number;
  readonly concurrency: number;
  readonly readers: number;
  readonly size: number;
}

export function addBench(program: Command, run: Runner): void {
  program
    .command('bench')
    .summary('put a small load on a server, and measure')
    .description(
      'Publishes to a channel of its own, as fast as the answers come, and reads it; then deletes it. Shows how many events a second ' +
        'the server takes and how long one is on its way. This program is a part of what is measured.',
    )
    .addOption(
      new Option('--duration <duration>', 'for how long').argParser(durationValue).default(5_000, '5s'),
    )
    .option('-c, --concurrency <count>', 'sends under way at a time', countValue, 32)
    .option('--readers <count>', 'consumers, each of which gets every event', countValue, 1)
    .option('--size <bytes>', 'of the data of an event', countValue, 100)
    .action(run(bench));
}

async function bench(
  context: Context,
  { duration, concurrency, readers, size }: BenchOptions,
): Promise<void> {
  const { terminal, signal, server } = context;
  const channel = `ganomede-events-cli.bench/${randomUUID()}`;
  const published = createHistogram();
  const delivered = createHistogram();
  const publisher = context.client(`${channel}/publisher`);
  const consumers = Array.from({ length: readers }, (_, i) => context.client(`${channel}/reader-${i}`));
  const progress = new Progress(terminal.stderr, 'Publishing');
  /** When each event was sent, by its number. */
  const sentAt: number[] = [];
  let stored = 0;
  let seconds = 0;
  try {
    const arrival = consumers.map((consumer) => reading(consumer, channel, sentAt, delivered));
    const startedAt = performance.now();
    const isOver = () => signal.aborted || performance.now() - startedAt >= duration;
    const text = 'x'.repeat(size);
    const lane = async () => {
      while (!isOver()) {
        const n = sentAt.push(performance.now()) - 1;
        await publisher.send(channel, { from: 'bench', type: 'bench', data: { n, text } });
        published.record(elapsed(sentAt[n] as number));
        stored += 1;
        progress.show(stored);
      }
    };
    await Promise.all(Array.from({ length: concurrency }, lane));
    seconds = (performance.now() - startedAt) / 1000;
    progress.end();
    for (const { until } of arrival) await until(stored, LAST_MS);
  } finally {
    progress.end();
    await Promise.all([publisher, ...consumers].map((client) => client.close()));
    // Also if it was interrupted: nothing is left of it.
    if (sentAt.length > 0) await api.deleteChannel(server, { channel }).catch(() => {});
  }
  const result = {
    events: stored,
    seconds: round(seconds),
    eventsPerSecond: Math.round(stored / seconds),
    publishMs: percentiles(published),
    deliveryMs: { ...percentiles(delivered), events: delivered.count, expected: stored * readers },
  };
  const lines = [
    `${number(result.events)} events in ${result.seconds} s: ${number(result.eventsPerSecond)} a second`,
    `publish   median ${result.publishMs.p50} ms, 99 % within ${result.publishMs.p99} ms, longest ${result.publishMs.max} ms`,
    `delivery  median ${result.deliveryMs.p50} ms, 99 % within ${result.deliveryMs.p99} ms, longest ${result.deliveryMs.max} ms` +
      ` (${number(delivered.count)} of ${number(stored * readers)})`,
  ];
  await terminal.result(result, lines.join('\n'));
}

/** Counts what a consumer gets. */
function reading(
  consumer: Client,
  channel: string,
  sentAt: readonly number[],
  delivered: RecordableHistogram,
) {
  let count = 0;
  let changed = () => {};
  consumer.on('error', () => {});
  consumer.on(channel, ({ data }) => {
    const at = sentAt[(data as { n: number }).n];
    if (at !== undefined) delivered.record(elapsed(at));
    count += 1;
    changed();
  });
  /** Resolves once it has got so many, or after this time. */
  const until = (total: number, withinMs: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, withinMs);
      changed = () => {
        if (count < total) return;
        clearTimeout(timer);
        resolve();
      };
      changed();
    });
  return { until };
}

/** In microseconds, from 1. */
const elapsed = (since: number) => Math.max(1, Math.round((performance.now() - since) * 1000));

const round = (value: number) => Math.round(value * 100) / 100;

function percentiles(histogram: RecordableHistogram) {
  const ms = (percentile: number) => round(histogram.percentile(percentile) / 1000);
  return histogram.count === 0 ? { p50: 0, p99: 0, max: 0 } : { p50: ms(50), p99: ms(99), max: ms(100) };
}
