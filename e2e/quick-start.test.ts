// The README's quick start, run as it is written, but for the port and the folder of the events.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, Process, TemporaryFolder } from '@ganomede/events-testing';
import { expect, it } from 'vitest';
import { root } from '../scripts/workspace.mjs';

/** How long anything may take, milliseconds. */
const PATIENCE_MS = 60_000;

interface Block {
  readonly language: string;
  readonly text: string;
  /** From a first line such as `# terminal 2: …`; a block without one has a terminal of its own. */
  readonly terminal: string;
}

/** The code blocks under a heading of the README, those of its subsections too. */
function codeBlocks(heading: string): Block[] {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const section = readme.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
  return [...section.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, language = '', text = ''], index) => ({
    language,
    text,
    terminal: /^# terminal (\w+)/.exec(text)?.[1] ?? `of block ${index}`,
  }));
}

it('works when pasted', async () => {
  const blocks = codeBlocks('Quick start');
  expect(blocks.filter(({ language }) => language === 'sh').length).toBeGreaterThan(3);

  const secret = blocks.map(({ text }) => /^export API_SECRET=\S+/m.exec(text)?.[0]).find(Boolean) ?? ':';
  const port = await freePort();
  using folder = new TemporaryFolder();
  await using terminals = new Terminals({
    PORT: `${port}`,
    EVENTS_URL: `http://localhost:${port}`,
    GANOMEDE_EVENTS_URL: `http://localhost:${port}`,
    DATA_DIR: join(folder.path, 'data'),
  });
  for (const { language, text, terminal } of blocks) {
    const script = text.replaceAll('localhost:8000', `localhost:${port}`);
    if (language === 'sh') await terminals.paste(terminal, script);
    if (language === 'js') await terminals.paste(terminal, `${secret}; cd examples; ${asCommand(script)}`);
  }

  await terminals.shows('2', '"data":{"order":17}}]'); // curl
  for (const text of ['first line', 'second line']) await terminals.shows('2', `"data":{"text":"${text}"}`);
  await terminals.shows('3', 'CONSUMER'); // the command line
  await terminals.shows('', 'paid: { order: 18 }'); // the JavaScript block

  await terminals.pressCtrlC();
  await terminals.shows('1', '"msg":"stopped"');
});

/** Shells in which blocks are pasted one after the other. */
class Terminals implements AsyncDisposable {
  readonly #env: Readonly<Record<string, string>>;
  readonly #shells: { readonly terminal: string; readonly shell: Process }[] = [];

  constructor(env: Readonly<Record<string, string>>) {
    this.#env = env;
  }

  /** Pastes once the terminal has finished what was pasted before; goes on when the server listens. */
  async paste(terminal: string, script: string): Promise<void> {
    const before = this.#shells.findLast((other) => other.terminal === terminal);
    if (before) expect(await this.#soon(before.shell.exited()), before.shell.stderr).toBe(0);
    const shell = new Process('bash', ['-e', '-o', 'pipefail', '-c', script], {
      cwd: root,
      env: this.#env,
      terminal: true,
    });
    this.#shells.push({ terminal, shell });
    if (script.includes('npm start')) await this.shows(terminal, '"msg":"listening"');
  }

  /** Resolves once a terminal (`''`: any) shows a text. */
  async shows(terminal: string, text: string): Promise<void> {
    const shells = this.#shells.filter((other) => terminal === '' || other.terminal === terminal);
    await this.#soon(Promise.any(shells.map(({ shell }) => shell.until(() => shell.stdout.includes(text)))));
  }

  /** Rejects, with everything that the terminals show, where `work` takes too long or fails. */
  async #soon<T>(work: Promise<T>): Promise<T> {
    const limit = new AbortController();
    const late = sleep(PATIENCE_MS, undefined, { signal: limit.signal }).then(() => {
      throw new Error(`nothing happened for ${PATIENCE_MS} ms`);
    });
    try {
      return await Promise.race([work, late]);
    } catch (cause) {
      const screens = this.#shells.map(
        ({ terminal, shell }) => `terminal ${terminal}:\n${shell.stdout}${shell.stderr}`,
      );
      throw new Error(`${cause}\n\n${screens.join('\n\n')}`, { cause });
    } finally {
      limit.abort();
      late.catch(() => {});
    }
  }

  /** Ctrl-C in every terminal, the last one first. Resolves when all have ended. */
  async pressCtrlC(): Promise<void> {
    for (const { shell } of this.#shells.toReversed()) await shell.stop('SIGINT');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#shells.map(({ shell }) => shell.stop('SIGKILL')));
  }
}

/** A shell command that runs an ES module. */
const asCommand = (module: string) => `node --input-type=module -e '${module.replaceAll("'", `'\\''`)}'`;
