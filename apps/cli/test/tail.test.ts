import { once } from 'node:events';
import { RestartableServer, TemporaryFolder } from '@ganomede/events-testing';
import { describe, expect, it } from 'vitest';
import { newChannel, SECRET, useCli } from './support/cli.js';

const cli = useCli();

const send = (channel: string, ...types: string[]) =>
  cli().json(['send', channel], { input: types.map((type) => `${JSON.stringify({ type })}\n`).join('') });
const idsOf = (events: readonly unknown[]) => (events as { id: number }[]).map(({ id }) => id);

describe('tail', () => {
  it('shows the newest events and those that come, and leaves no consumer', async () => {
    const channel = newChannel();
    await send(channel, 'a', 'b', 'c');
    await using tail = cli().begin(['tail', channel, '-n', '2', '--json']);
    await tail.line(1);
    await send(channel, 'd');
    await tail.line(2);
    expect(idsOf(tail.lines.map((line) => JSON.parse(line)))).toEqual([2, 3, 4]);
    expect(await tail.stop('SIGINT')).toBe(130);
    expect(tail.stderr).toBe('');
    expect(await cli().json(['consumers', channel])).toEqual([]);
  });

  it('begins at a time or behind an id, and ends with the newest event there is', async () => {
    const channel = newChannel();
    await send(channel, 'a', 'b', 'c');
    const until = (...args: string[]) => cli().json(['tail', channel, '--until-end', ...args]);
    expect(idsOf(await until('--since', '1h'))).toEqual([1, 2, 3]);
    expect(idsOf(await until('--since', '2100-01-01'))).toEqual([]);
    expect(idsOf(await until('--after', '1'))).toEqual([2, 3]);
    expect(idsOf(await until('--after', '0', '--type', 'b'))).toEqual([2]);
    expect(idsOf(await until('--after', '2', '--type', 'b'))).toEqual([]);
    expect(await cli().json(['tail', newChannel(), '--until-end'])).toEqual([]);
  });

  it.each(['since', 'group'])('begins at one place: not with --last and --%s', async (other) => {
    const { code, stderr } = await cli().run([
      'tail',
      newChannel(),
      '-n',
      '2',
      `--${other}`,
      '1h',
      '--until-end',
    ]);
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining(`-n, --last <count>' cannot be used with option '--${other}`),
    ]);
  });

  it('goes on after a restart of the server, without a gap or a repetition', async () => {
    const channel = newChannel();
    using folder = new TemporaryFolder();
    await using server = await RestartableServer.start({
      API_SECRET: SECRET,
      EVENTS_STORE: 'embedded',
      DATA_DIR: folder.path,
    });
    const env = { ...cli().env, GANOMEDE_EVENTS_URL: server.url };
    await using tail = cli().begin(['tail', channel, '--after', '0', '--json'], { env });
    await cli().json(['send', channel, 'a'], { env });
    await tail.line(0);
    await server.stop('SIGKILL');
    await server.start();
    await cli().json(['send', channel, 'b'], { env });
    await tail.line(1);
    expect(idsOf(tail.lines.map((line) => JSON.parse(line)))).toEqual([1, 2]);
    expect(tail.stderr).toContain('The connection was lost');
  });

  it('with a group takes events and acknowledges them', async () => {
    const channel = newChannel();
    await send(channel, 'a', 'b', 'c');
    const first = await cli().json(['tail', channel, '--group', 'mailers', '--until-end']);
    expect(idsOf(first)).toEqual([1, 2, 3]);
    await send(channel, 'd');
    expect(idsOf(await cli().json(['tail', channel, '--group', 'mailers', '--until-end']))).toEqual([4]);
    expect(await cli().json(['groups', channel])).toMatchObject([
      { group: 'mailers', lag: 0, pending: 0, after: 4 },
    ]);
  });

  it('with a group gives back what was not shown, at Ctrl-C', async () => {
    const channel = newChannel();
    await using tail = cli().begin(['tail', channel, '--group', 'mailers', '--json']);
    await send(channel, 'a');
    await tail.line(0);
    expect(await tail.stop('SIGINT')).toBe(130);
    expect(await cli().json(['groups', channel])).toMatchObject([{ lag: 0, pending: 0 }]);
  });

  it('ends in silence when its reader has seen enough', async () => {
    const channel = newChannel();
    await send(channel, 'a');
    await using tail = cli().begin(['tail', channel, '--after', '0']);
    await tail.line(0);
    tail.child.stdout?.destroy();
    await once(tail.child.stdout as never, 'close');
    await send(channel, 'b');
    await send(channel, 'c');
    expect(await tail.exited()).toBe(0);
    expect(tail.stderr).toBe('');
  });

  it('shows nothing that a terminal would obey', async () => {
    const channel = newChannel();
    await cli().json(['send', channel], {
      input: `${JSON.stringify({ type: '\u001b[2J', from: 'a\nb', data: { text: '\u009b2J' } })}\n`,
    });
    const { stdout } = await cli().run(['latest', channel]);
    expect(stdout).toContain('\\u001b[2J');
    expect(stdout).toContain('a\\u000ab');
    expect(stdout).toContain('\\u009b2J');
    expect(stdout.trim().split('\n')).toHaveLength(1);
  });
});
