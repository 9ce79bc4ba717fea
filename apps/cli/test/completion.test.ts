import { spawnSync } from 'node:child_process';
import { symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { run, TemporaryFolder } from '@ganomede/events-testing';
import { describe, expect, it } from 'vitest';
import { BIN, useCli } from './support/cli.js';

const cli = useCli();

const has = (shell: string) => spawnSync(shell, ['--version']).status === 0;

async function complete(...words: string[]): Promise<string[]> {
  const { stdout } = await cli().run(['__complete', '--', ...words]);
  return stdout.split('\n').filter((line) => line !== '');
}

describe('completion', () => {
  it('knows commands, their commands, options and choices', async () => {
    expect(await complete('')).toEqual(
      expect.arrayContaining(['send', 'tail', 'dead', 'completion', 'help']),
    );
    expect(await complete('')).not.toContain('__complete');
    expect(await complete('dead', '')).toEqual(expect.arrayContaining(['list', 'show', 'redrive']));
    expect(await complete('tail', 'orders', '--')).toEqual(
      expect.arrayContaining(['--since', '--until-end', '--json', '--url', '--help']),
    );
    expect(await complete('--url', 'http://x', 'completion', '')).toEqual(['bash', 'zsh', 'fish']);
    expect(await complete('tail', '')).toEqual([]);
    expect(await complete('tail', '--since', '')).toEqual([]);
  });

  it('works in bash', async () => {
    using folder = new TemporaryFolder();
    symlinkSync(BIN, join(folder.path, 'ganomede-events'));
    const script = join(folder.path, 'test.sh');
    writeFileSync(
      script,
      `source <(ganomede-events completion bash)
COMP_WORDS=(ganomede-events "$@"); COMP_CWORD=$#
_ganomede_events
printf '%s\\n' "\${COMPREPLY[@]}"
complete -p ganomede-events`,
    );
    const env = { PATH: `${folder.path}${delimiter}${process.env.PATH}` };
    const completed = async (...words: string[]) =>
      (await run('bash', [script, ...words], { env })).stdout.split('\n');
    expect(await completed('ta')).toEqual([
      'tail',
      'complete -o default -F _ganomede_events ganomede-events',
      '',
    ]);
    expect((await completed('dead', 're'))[0]).toBe('redrive');
    expect((await completed('tail', 'orders', '--unt'))[0]).toBe('--until-end');
  });

  it.skipIf(!has('zsh'))('is a script for zsh', async () => {
    using folder = new TemporaryFolder();
    const script = join(folder.path, '_ganomede-events');
    writeFileSync(script, (await cli().run(['completion', 'zsh'])).stdout);
    await run('zsh', ['-n', script]);
  });

  it.skipIf(!has('fish'))('works in fish', async () => {
    using folder = new TemporaryFolder();
    symlinkSync(BIN, join(folder.path, 'ganomede-events'));
    const env = { PATH: `${folder.path}${delimiter}${process.env.PATH}`, HOME: folder.path };
    writeFileSync(join(folder.path, 'recipes'), '');
    const completed = async (line: string) => {
      const asked = `ganomede-events completion fish | source; complete -C "ganomede-events ${line}"`;
      return (await run('fish', ['-c', asked], { env, cwd: folder.path })).stdout.split('\n');
    };
    expect(await completed('ta')).toContain('tail');
    // Files only where nothing else is meant.
    expect((await completed('dead re')).map((line) => line.split('\t')[0])).toEqual(['redrive', '']);
    expect((await completed('restore re')).map((line) => line.split('\t')[0])).toEqual(['recipes', '']);
  });

  it('refuses an unknown shell', async () => {
    const { code, stderr } = await cli().run(['completion', 'tcsh']);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/bash, zsh, fish/)]);
  });
});
