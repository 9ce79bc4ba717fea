import { describe, expect, it } from 'vitest';
import { createLogger } from '../src/process/logger.js';
import { json, randomChannel, SECRET, startServer, type TestServer } from './support/server.js';

const warnings = (lines: readonly string[]) =>
  lines.map((line) => JSON.parse(line) as { level: number; msg: string }).filter(({ level }) => level === 40);

async function start() {
  const lines: string[] = [];
  const logger = createLogger('trace', { write: (line) => void lines.push(line) }, [SECRET]);
  return { lines, server: await startServer({ logger }) };
}

/** Reads in this order, each as the instance that it is called; of each whether it was told that others do too. */
async function read(server: TestServer, channel: string, instances: string): Promise<boolean[]> {
  const told: boolean[] = [];
  for (const instance of instances) {
    const { headers } = await server.fetch(`/events?clientId=c&channel=${channel}&timeout=0`, {
      headers: { 'Events-Instance': instance },
    });
    told.push(headers.get('Events-Cursor-Shared') === 'true');
  }
  return told;
}

describe('a consumer that is several processes', () => {
  it('is told so once for each of them, and the log and the metrics once', async () => {
    const { lines, server } = await start();
    const channel = randomChannel();
    const told = await read(server, channel, 'abababab');
    expect(told).toEqual([false, false, false, false, true, true, false, false]);
    expect(warnings(lines)).toEqual([
      expect.objectContaining({
        clientId: 'c',
        channel,
        msg: expect.stringMatching(/^several processes read/),
      }),
    ]);
    const metrics = await (await fetch(`${server.origin}/metrics`)).text();
    expect(metrics).toContain('events_shared_cursors_total 1\n');
  });

  it('is noticed however many they are', async () => {
    const { server } = await start();
    expect(await read(server, randomChannel(), 'abcabcabc')).toEqual([
      ...Array(5).fill(false),
      ...Array(3).fill(true),
      false,
    ]);
  });

  it('is noticed by its acknowledgements', async () => {
    const { server } = await start();
    const channel = randomChannel();
    const cursors = [{ channel, after: 1 }];
    const results: unknown[] = [];
    for (const instance of 'ababa') {
      const { headers, ...init } = json({ clientId: 'c', cursors });
      const response = await server.fetch('/cursors', {
        ...init,
        headers: { ...(headers as object), 'Events-Instance': instance },
      });
      results.push(((await response.json()) as { results: unknown[] }).results[0]);
    }
    expect(results).toEqual([...Array(4).fill({ after: 1 }), { after: 1, shared: true }]);
  });

  it('is none if one process replaces another, or does not say which it is', async () => {
    const { lines, server } = await start();
    expect(await read(server, randomChannel(), 'aaababbbbcc')).toEqual(Array(11).fill(false));
    const channel = randomChannel();
    for (let i = 0; i < 8; i += 1) await server.read(channel, { timeout: 0 });
    expect(warnings(lines)).toEqual([]);
  });
});
