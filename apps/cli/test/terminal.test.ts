// What is only done on a terminal: the commands in this process, on streams that say they are one.
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { buildProgram } from '../src/program.js';
import { Progress } from '../src/terminal/progress.js';
import { newChannel, useCli } from './support/cli.js';

const cli = useCli();

class TerminalStream extends PassThrough {
  readonly isTTY = true;
  readonly columns: number;
  text = '';

  constructor(columns = 100) {
    super();
    this.columns = columns;
    this.setEncoding('utf8');
    this.on('data', (text: string) => {
      this.text += text;
    });
  }

  hasColors(): boolean {
    return true;
  }
}

/** A command at a terminal, where somebody answers. */
async function atTerminal(args: readonly string[], answer: string, signal = new AbortController().signal) {
  const stdin = Object.assign(new PassThrough(), { isTTY: true });
  const [stdout, stderr] = [new TerminalStream(), new TerminalStream()];
  let isAnswered = false;
  stderr.on('data', () => {
    // What is typed is shown, too.
    if (isAnswered || !stderr.text.includes('[y/N]')) return;
    isAnswered = true;
    stdin.write(answer);
  });
  const streams = { stdin, stdout, stderr };
  const program = buildProgram({ streams, env: cli().env, signal, onContext: () => {} });
  const error = await program.parseAsync(['node', 'ganomede-events', ...args]).then(
    () => undefined,
    (error: Error) => error,
  );
  return { stdout: stdout.text, stderr: stderr.text, error };
}

describe('at a terminal', () => {
  it.each([
    ['y\n', true],
    ['Yes\n', true],
    ['\n', false],
    ['n\n', false],
    ['yesterday\n', false],
  ])('a question that is answered %j', async (answer, isDone) => {
    const channel = newChannel();
    await cli().json(['send', channel, 'a']);
    const { stderr, error } = await atTerminal(['delete', 'channel', channel], answer);
    expect(stderr).toContain(
      `${channel} will be deleted for good, with 1 event, its cursors, groups and indices.`,
    );
    expect(error?.message).toBe(isDone ? undefined : 'Nothing was done.');
    expect(await cli().json(['channels', channel])).toHaveLength(isDone ? 0 : 1);
  });

  it('there are colours, and a bar while it takes long', async () => {
    const channel = newChannel();
    await cli().json(['send', channel], { input: '{"type":"a"}\n'.repeat(12) });
    expect((await atTerminal(['latest', channel], '')).stdout).toContain('\u001b[36ma\u001b[39m');
    const { stderr, stdout } = await atTerminal(['redact', channel, '1-12'], 'y\n');
    expect(stderr).toContain('Redacting ██████████████████████████████ 12 of 12');
    expect(stderr.endsWith('\r\u001b[K')).toBe(true);
    expect(stdout).toBe('12 events redacted.\n');
  });

  it('JSON has no colours', async () => {
    const channel = newChannel();
    await cli().json(['send', channel, 'a']);
    expect(JSON.parse((await atTerminal(['latest', channel, '--json'], '')).stdout)).toMatchObject({ id: 1 });
  });

  it('events are not waited for where somebody types', async () => {
    const { error } = await atTerminal(['send', 'x'], '');
    expect(error?.message).toMatch(/^Give the type of the event, or pipe events in/);
  });
});

it('progress is one line that fits, also if nobody has told the terminal its size', async () => {
  for (const [columns, expected] of [
    [100, 'Backing up 1,000, '],
    [12, 'Backing up '],
    [0, 'Backing up 1,000, '],
  ] as const) {
    const stream = new TerminalStream(columns);
    const progress = new Progress(stream, 'Backing up');
    progress.show(1_000);
    await expect.poll(() => stream.text).toContain(`\r\u001b[K${expected}`);
    expect(stream.text.endsWith('/s')).toBe(columns !== 12);
  }
});
