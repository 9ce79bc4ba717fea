import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Process, SlowProxy, TemporaryFolder } from '@ganomede/events-testing';
import { describe, expect, it } from 'vitest';
import { root } from '../scripts/workspace.mjs';
import { SECRET, Server } from './support/server.js';

const example = (
  name: 'publish' | 'consume' | 'account',
  args: string[],
  env: Record<string, string>,
  input?: string,
) =>
  new Process(process.execPath, [join(root, 'examples', `${name}.mjs`), ...args], {
    env,
    ...(input === undefined ? {} : { input }),
  });

const events = (consumer: Process) =>
  consumer.lines.map((line) => JSON.parse(line) as { id: number; data: { text: string } });
const texts = (consumer: Process) => events(consumer).map(({ data }) => data.text);
const numbered = (count: number) => Array.from({ length: count }, (_, index) => `line ${index + 1}`);

describe('publish.mjs', () => {
  it('sends each line of standard input and prints the ids', async () => {
    await using server = await Server.start();
    await using publisher = example('publish', [randomUUID()], server.env, 'one\n\nthree – ✓');
    expect(await publisher.exited()).toBe(0);
    expect(publisher.stdout).toBe('1\n2\n3\n');
    expect(publisher.stderr).toBe('');
  });

  it('sends each line of a file', async () => {
    await using server = await Server.start();
    using folder = new TemporaryFolder();
    const file = join(folder.path, 'lines.txt');
    await writeFile(file, 'one\r\ntwo\n');
    const channel = randomUUID();
    await using publisher = example('publish', [channel, file, '--type', 'note', '--from', 'me'], server.env);
    expect(await publisher.exited()).toBe(0);

    await using consumer = example('consume', [channel], server.env);
    await consumer.until(() => consumer.lines.length === 2);
    expect(events(consumer)).toEqual([
      { id: 1, timestamp: expect.any(Number), from: 'me', type: 'note', data: { text: 'one' } },
      { id: 2, timestamp: expect.any(Number), from: 'me', type: 'note', data: { text: 'two' } },
    ]);
  });

  it.each([
    ['no channel', [], { API_SECRET: SECRET }, /^Usage: /],
    ['an unknown option', ['--nonsense', 'channel'], { API_SECRET: SECRET }, /nonsense[\s\S]*Usage: /],
    ['no secret', ['channel'], {}, /^Set API_SECRET/],
    ['a file that is not there', ['channel', 'not-there.txt'], { API_SECRET: SECRET }, /not-there\.txt/],
    ['a folder', ['channel', root], { API_SECRET: SECRET }, /EISDIR/],
    ['a bad address', ['channel'], { API_SECRET: SECRET, EVENTS_URL: 'nowhere' }, /url/],
    ['no server', ['channel'], { API_SECRET: SECRET, EVENTS_URL: 'http://127.0.0.1:1' }, /ECONNREFUSED/],
  ] as [string, string[], Record<string, string>, RegExp][])(
    'says what is wrong and fails: %s',
    async (_name, args, env, message) => {
      await using publisher = example('publish', args, env, 'a line\n');
      expect(await publisher.exited()).toBe(1);
      expect(publisher.stderr).toMatch(message);
      expect(publisher.stderr).not.toMatch(/^\s+at /m);
    },
  );

  it('says that the secret is wrong', async () => {
    await using server = await Server.start();
    await using publisher = example(
      'publish',
      ['channel'],
      { ...server.env, API_SECRET: 'wrong' },
      'a line\n',
    );
    expect(await publisher.exited()).toBe(1);
    expect(publisher.stderr).toContain('Invalid credentials');
  });
});

describe('consume.mjs', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('%s stops it cleanly while it waits', async (signal) => {
    await using server = await Server.start();
    await using consumer = example('consume', ['channel'], server.env);
    await using publisher = example('publish', ['channel'], server.env, 'a line\n');
    await publisher.exited();
    await consumer.until(() => consumer.lines.length === 1);
    const start = performance.now();
    expect(await consumer.stop(signal)).toBe(0);
    expect(performance.now() - start).toBeLessThan(2000);
    expect(consumer.stderr).toBe('');
  });

  it('goes on where it was, each event once and in order, however often it is stopped and started', {
    timeout: 60_000,
  }, async () => {
    await using server = await Server.start();
    const lines = numbered(1000);
    const channel = randomUUID();
    await using publisher = example('publish', [channel], server.env, lines.join('\n'));

    const printed: string[] = [];
    for (let round = 0; printed.length < lines.length; round++) {
      await using consumer = example('consume', [channel], server.env);
      // At least one line each round, and nothing is left to wait for but the rest in the last one.
      const wanted = Math.min(1 + round * 20, lines.length - printed.length);
      await consumer.until(() => consumer.lines.length >= wanted);
      expect(await consumer.stop(round % 2 ? 'SIGINT' : 'SIGTERM')).toBe(0);
      expect(consumer.stderr).toBe('');
      printed.push(...texts(consumer));
    }

    expect(await publisher.exited()).toBe(0);
    expect(printed).toEqual(lines);
    await using late = example('consume', [channel], server.env);
    await using more = example('publish', [channel], server.env, 'the next');
    await more.exited();
    await late.until(() => late.lines.length > 0);
    expect(texts(late)).toEqual(['the next']);
  });

  it('does not repeat an event whose acknowledgement is on its way when it is stopped', async () => {
    await using server = await Server.start();
    await using publisher = example('publish', ['channel'], server.env, 'one');
    await publisher.exited();
    // The request that acknowledges the event takes 200 ms to arrive; the consumer is stopped before.
    await using line = await SlowProxy.to(server.env.EVENTS_URL, 200);
    await using consumer = example('consume', ['channel'], { ...server.env, EVENTS_URL: line.url });
    await consumer.until(() => consumer.lines.length === 1);
    expect(await consumer.stop()).toBe(0);

    await using more = example('publish', ['channel'], server.env, 'two');
    await more.exited();
    await using restarted = example('consume', ['channel'], server.env);
    await restarted.until(() => restarted.lines.length > 0);
    expect(texts(restarted)).toEqual(['two']);
  });

  it('skips nothing when it is killed', async () => {
    await using server = await Server.start();
    const lines = numbered(600);
    const channel = randomUUID();
    await using publisher = example('publish', [channel], server.env, lines.join('\n'));

    const printed: string[] = [];
    while (printed.at(-1) !== lines.at(-1)) {
      await using consumer = example('consume', [channel], server.env);
      await consumer.until(() => consumer.lines.length >= 50 || texts(consumer).at(-1) === lines.at(-1));
      await consumer.stop('SIGKILL');
      const again = printed.indexOf(texts(consumer)[0] ?? '');
      printed.splice(again === -1 ? printed.length : again, Infinity, ...texts(consumer));
    }
    expect(printed).toEqual(lines);
    expect(await publisher.exited()).toBe(0);
  });

  it('reads one type of event', async () => {
    await using server = await Server.start();
    for (const [type, text] of [
      ['paid', 'one'],
      ['sent', 'two'],
      ['paid', 'three'],
    ] as const) {
      await using publisher = example('publish', ['orders', '--type', type], server.env, text);
      expect(await publisher.exited()).toBe(0);
    }
    await using consumer = example('consume', ['orders:paid'], server.env);
    await consumer.until(() => consumer.lines.length === 2);
    expect(texts(consumer)).toEqual(['one', 'three']);
  });

  it('gives up on a wrong secret', async () => {
    await using server = await Server.start();
    await using consumer = example('consume', ['channel'], { ...server.env, API_SECRET: 'wrong' });
    expect(await consumer.exited()).toBe(1);
    expect(consumer.stderr).toContain('Invalid credentials');
  });
});

describe('account.mjs', () => {
  const account = (server: Server, ...args: string[]) => example('account', args, server.env);

  it('lets two who withdraw at once have what there is, and no more', async () => {
    await using server = await Server.start();
    await using payer = account(server, 'shared', 'pay', '100');
    expect(await payer.exited()).toBe(0);
    expect(payer.lines).toEqual(['100']);

    const withdraw = (name: string) =>
      account(server, '--as', name, '--times', '500', 'shared', 'withdraw', '1');
    await using alice = withdraw('alice');
    await using bob = withdraw('bob');
    for (const teller of [alice, bob]) {
      expect(await teller.exited()).toBe(2);
      expect(teller.stderr).toBe('Not covered: 0 left\n');
    }
    // Each balance was somebody's, once.
    const balances = [...alice.lines, ...bob.lines].map(Number).sort((a, b) => b - a);
    expect(balances).toEqual(Array.from({ length: 100 }, (_, i) => 99 - i));

    await using consumer = example('consume', ['accounts/shared'], server.env);
    await consumer.until(() => consumer.lines.length === 101);
    const amounts = consumer.lines.map((line) => JSON.parse(line).data.amount as number);
    expect(amounts).toEqual([100, ...Array(100).fill(-1)]);
  });

  it.each([
    ['no action', ['a']],
    ['another action', ['a', 'lend', '1']],
    ['no amount', ['a', 'pay']],
    ['an amount that is none', ['a', 'pay', '1.5']],
  ])('says what is wrong and fails: %s', async (_name, args) => {
    await using teller = example('account', args, { API_SECRET: SECRET });
    expect(await teller.exited()).toBe(1);
    expect(teller.stderr).toMatch(/^Usage: /);
  });
});

it.each(['publish', 'consume', 'account'] as const)('%s.mjs --help explains itself', async (name) => {
  await using program = example(name, ['--help'], {});
  expect(await program.exited()).toBe(0);
  expect(program.stdout).toMatch(/^Usage: /);
});
