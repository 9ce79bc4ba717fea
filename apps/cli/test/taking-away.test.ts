import { describe, expect, it } from 'vitest';
import { newChannel, SECRET, useCli } from './support/cli.js';

const cli = useCli();

async function channelOf(count: number): Promise<string> {
  const channel = newChannel();
  const input = Array.from(
    { length: count },
    (_, n) => `${JSON.stringify({ type: 'a', data: { n } })}\n`,
  ).join('');
  await cli().json(['send', channel], { input });
  return channel;
}

const firstIdOf = async (channel: string) => {
  const [listed] = (await cli().json(['channels', channel])) as { firstId: number }[];
  return listed?.firstId;
};

describe('trim', () => {
  it.each([
    ['an id', ['--before', '3'], 2, 3],
    ['a time', ['--before', '2100-01-01'], 5, 0],
    ['how long ago', ['--before', '1h'], 0, 1],
    ['what is kept', ['--keep', '2'], 3, 4],
    ['nothing that is kept', ['--keep', '0'], 5, 0],
    ['more than there is', ['--keep', '10'], 0, 1],
  ])('drops what %s says', async (_what, args, dropped, firstId) => {
    const channel = await channelOf(5);
    expect(await cli().json(['trim', channel, ...args, '--yes'])).toMatchObject([{ channel, dropped }]);
    expect(await firstIdOf(channel)).toBe(firstId);
  });

  it('asks, with what would be dropped, and does nothing without an answer', async () => {
    const channel = await channelOf(3);
    const { code, stdout, stderr } = await cli().run(['trim', channel, '--before', '3']);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(
      new RegExp(`^2 events of ${channel} will be dropped for good, ids 1 to 2\\. .*--yes`),
    );
    expect(await firstIdOf(channel)).toBe(1);
  });

  it.each([
    ['nothing to go by', ['trim', 'x'], 2, /--before .* --keep/],
    ['two things', ['trim', 'x', '--before', '1', '--keep', '1'], 2, /cannot be used with/],
    ['no time', ['trim', 'x', '--before', 'soon'], 2, /Expected an id, a time/],
    ['no channel', ['trim', 'no-such', '--keep', '1'], 4, /There is no channel no-such/],
  ])('refuses %s', async (_what, args, expected, message) => {
    const { code, stderr } = await cli().run(args);
    expect([code, stderr]).toEqual([expected, expect.stringMatching(message)]);
  });
});

describe('redact', () => {
  it('forgets what events hold, and tells of each that it could not', async () => {
    const channel = await channelOf(4);
    const { code, stdout, stderr } = await cli().run(['redact', channel, '1', '3-5', '--yes']);
    expect([code, stdout]).toEqual([1, '3 events redacted.\n']);
    expect(stderr).toMatch(/^1 event could not be redacted: 5: /);
    const events = (await cli().json(['latest', channel])) as {
      id: number;
      data?: object;
      redacted?: true;
    }[];
    expect(events.map(({ data, redacted }) => [data, redacted])).toEqual([
      [undefined, true],
      [{ n: 1 }, undefined],
      [undefined, true],
      [undefined, true],
    ]);
    expect((await cli().run(['latest', channel, '-n', '1'])).stdout).toContain('(redacted)');
  });

  it('asks first', async () => {
    const channel = await channelOf(1);
    const { code, stderr } = await cli().run(['redact', channel, '1']);
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/^What 1 event of .* will be forgotten for good\./),
    ]);
    expect(await cli().json(['latest', channel])).toMatchObject([{ data: { n: 0 } }]);
  });

  it.each(['0', '3-1', 'x', '1-', '-1'])('refuses the ids %s', async (ids) => {
    const { code } = await cli().run(['redact', 'x', '--yes', '--', ids]);
    expect(code).toBe(2);
  });
});

describe('delete', () => {
  it('deletes a channel, a consumer, a group, once each', async () => {
    const channel = await channelOf(2);
    await fetch(
      `${cli().url}/events/v1/events?${new URLSearchParams({ clientId: 'c', channel, after: '1', timeout: '0' })}`,
      { headers: { Authorization: `Bearer ${SECRET}` } },
    );
    await cli().json(['tail', channel, '--group', 'g', '--until-end']);
    for (const args of [
      ['consumer', channel, 'c'],
      ['group', channel, 'g'],
      ['channel', channel],
    ]) {
      const asked = await cli().run(['delete', ...args]);
      expect([asked.code, asked.stderr]).toEqual([2, expect.stringContaining('--yes')]);
      expect(await cli().json(['delete', ...args, '--yes'])).toMatchObject([{ channel, deleted: true }]);
      const again = await cli().run(['delete', ...args, '--yes']);
      expect([again.code, again.stderr]).toEqual([4, expect.stringMatching(/\.\n$/)]);
    }
    expect(await cli().json(['channels', channel])).toEqual([]);
  });
});
