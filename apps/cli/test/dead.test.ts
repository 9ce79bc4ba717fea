import { Client } from '@ganomede/events-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newChannel, SECRET, useCli } from './support/cli.js';

const cli = useCli();
let client: Client;
beforeAll(() => {
  client = new Client('tests', { url: cli().url, secret: SECRET });
});
afterAll(() => client.close());

/** A channel with so many events that a group has given up. */
async function withDeadLetters(count: number): Promise<string> {
  const channel = newChannel();
  const events = Array.from({ length: count }, (_, n) => ({ from: 'shop', type: 'paid', data: { n } }));
  await client.sendBatch(channel, events);
  let dead = 0;
  await new Promise<void>((resolve) => {
    const worker = client.work(channel, { group: 'mailers', maxDeliveries: 1, concurrency: 10 }, () => {
      throw new Error('no such address');
    });
    worker.on('dead', () => {
      dead += 1;
      if (dead === count) worker.close().then(resolve);
    });
  });
  return channel;
}

describe('dead', () => {
  it('lists and shows what was given up, and why', async () => {
    const channel = await withDeadLetters(2);
    const { stdout, stderr } = await cli().run(['dead', 'list', channel]);
    expect(stderr).toBe('2 wait to be handed out again; the list keeps those that were.\n');
    expect(stdout).toMatch(/^ *EVENT +TYPE +CHANNEL +GROUP +DELIVERED +ENDED +REASON$/m);
    expect(stdout).toMatch(new RegExp(`^ *1 +paid +${channel} +mailers +1 .*no such address$`, 'm'));
    expect(await cli().json(['dead', 'show', channel, '2'])).toMatchObject([
      {
        group: 'mailers',
        event: { id: 2, data: { n: 1 } },
        count: 1,
        reason: expect.stringContaining('no such'),
        deliveries: [
          { clientId: 'tests', outcome: 'released', reason: expect.stringContaining('no such address') },
        ],
      },
    ]);
    const unknown = await cli().run(['dead', 'show', channel, '3']);
    expect([unknown.code, unknown.stderr]).toEqual([4, `Event 3 of ${channel} is no dead letter.\n`]);
    expect(await cli().json(['dead', 'list', channel, '--group', 'others'])).toEqual([]);
  });

  it('redrives some by their ids, without a question', async () => {
    const channel = await withDeadLetters(3);
    expect(await cli().json(['dead', 'redrive', channel, 'mailers', '2-3'])).toMatchObject([{ ids: [2, 3] }]);
    const again = await cli().run(['dead', 'redrive', channel, 'mailers', '2']);
    expect([again.code, again.stderr]).toEqual([4, 'No dead letters that wait: 2.\n']);
    expect(await cli().json(['groups', channel])).toMatchObject([{ deadLetters: 1 }]);
    expect((await cli().run(['dead', 'list', channel])).stderr).toMatch(/^1 waits to be handed out again/);
    await cli().run(['dead', 'redrive', channel, 'mailers']);
    expect((await cli().run(['dead', 'list', channel])).stderr).toMatch(/^None waits to be handed out again/);
  });

  it('redrives many only if it is told to, and says how many', async () => {
    const channel = await withDeadLetters(11);
    const asked = await cli().run(['dead', 'redrive', channel, 'mailers']);
    expect(asked.code).toBe(2);
    expect(asked.stderr).toMatch(/^11 dead letters of mailers .*--yes/);
    const { code, stdout } = await cli().run([
      'dead',
      'redrive',
      channel,
      'mailers',
      '--yes',
      '--limit',
      '11',
    ]);
    expect([code, stdout]).toEqual([0, '11 dead letters of mailers handed out again.\n']);
    const shown = await cli().json(['tail', channel, '--group', 'mailers', '--until-end']);
    expect(shown.length).toBeGreaterThanOrEqual(0);
  });

  it('knows which groups there are', async () => {
    const { code, stderr } = await cli().run(['dead', 'redrive', newChannel(), 'mailers']);
    expect([code, stderr]).toEqual([4, expect.stringMatching(/^There is no group mailers on /)]);
  });
});
