import { describe, expect, it } from 'vitest';
import { useCli } from './support/cli.js';

const cli = useCli();

const measured = { p50: expect.any(Number), p99: expect.any(Number), max: expect.any(Number) };

describe('bench', () => {
  it('measures publishing and delivery, and leaves nothing behind', async () => {
    const args = ['bench', '--duration', '300ms', '--concurrency', '4', '--readers', '2'];
    const [result] = (await cli().json(args)) as { events: number; deliveryMs: { expected: number } }[];
    expect(result).toEqual({
      events: expect.any(Number),
      seconds: expect.any(Number),
      eventsPerSecond: expect.any(Number),
      publishMs: measured,
      deliveryMs: { ...measured, events: 2 * (result?.events ?? 0), expected: 2 * (result?.events ?? 0) },
    });
    expect(result?.events).toBeGreaterThan(0);
    expect(await cli().json(['channels', 'ganomede-events-cli.bench'])).toEqual([]);
  });

  it('shows it to people', async () => {
    const { stdout } = await cli().run(['bench', '--duration', '100ms']);
    expect(stdout).toMatch(
      /^[\d,]+ events in [\d.]+ s: [\d,]+ a second\npublish +median .*\ndelivery +median .*\n$/,
    );
  });

  it('cleans up at Ctrl-C', async () => {
    await using bench = cli().begin(['bench', '--duration', '1h']);
    await expect.poll(() => cli().json(['channels', 'ganomede-events-cli.bench'])).toHaveLength(1);
    expect(await bench.stop('SIGINT')).toBe(130);
    expect(await cli().json(['channels', 'ganomede-events-cli.bench'])).toEqual([]);
  });
});
