import { describe, expect, it } from 'vitest';
import { newChannel, SECRET, useCli } from './support/cli.js';

const cli = useCli();

/** A consumer that has seen the first event. */
const seen = (channel: string, clientId: string) =>
  fetch(
    `${cli().url}/events/v1/events?${new URLSearchParams({ clientId, channel, after: '1', timeout: '0' })}`,
    { headers: { Authorization: `Bearer ${SECRET}` } },
  );

describe('lists', () => {
  it('show channels as a table, or a JSON text each', async () => {
    const channel = newChannel();
    await cli().json(['send', channel, 'a']);
    const { stdout } = await cli().run(['channels', channel]);
    const [head = '', row = ''] = stdout.split('\n');
    expect(head).toMatch(/^CHANNEL +EVENTS +FIRST ID +LAST ID +NEWEST$/);
    expect(row).toMatch(new RegExp(`^${channel} +1 +1 +1 +\\d+ m?s ago$`));
    expect(await cli().json(['channels', channel])).toEqual([
      { channel, firstId: 1, lastId: 1, lastTimestamp: expect.any(Number) },
    ]);
  });

  it('say so if there is nothing, and print nothing', async () => {
    const { code, stdout, stderr } = await cli().run(['channels', 'no such']);
    expect([code, stdout]).toEqual([0, '']);
    expect(stderr).toMatch(/^There is no channel/);
  });

  it('have every page', async () => {
    const prefix = newChannel();
    const send = async (n: number) => cli().json(['send', `${prefix}/${n}`, 'a']);
    await Promise.all([1, 2, 3].map(send));
    const listed = (await cli().json(['channels', prefix])) as { channel: string }[];
    expect(listed.map(({ channel }) => channel)).toEqual([1, 2, 3].map((n) => `${prefix}/${n}`));
  });

  it('show who lags, of a channel or of all', async () => {
    const channel = newChannel();
    await cli().json(['send', channel], { input: '{"type":"a"}\n{"type":"b"}\n' });
    await seen(channel, 'behind');
    await cli().json(['tail', channel, '--group', 'mailers', '--until-end']);
    expect(await cli().json(['consumers', channel])).toMatchObject([
      { clientId: 'behind', after: 1, lag: 1 },
    ]);
    const { stdout } = await cli().run(['consumers', '--lagging']);
    expect(stdout).toMatch(new RegExp(`^${channel} +behind +1 +1 `, 'm'));
    const groups = await cli().run(['groups']);
    expect(groups.stdout).toMatch(new RegExp(`^${channel} +mailers +0 +0 +0 +0 +0 `, 'm'));
  });
});
