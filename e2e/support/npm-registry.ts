import { copyFileSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { freePort, Process, run, TemporaryFolder, until } from '@ganomede/events-testing';

/**
 * An empty registry for the packages of this repository, in a process of its own; everything else still comes from where npm
 * is set up to get it. `await using` ends it and deletes what was published.
 */
export class NpmRegistry implements AsyncDisposable {
  /** For npm, pnpm and npx: settings, and a cache in which no earlier installation is. */
  readonly env: Readonly<Record<string, string>>;
  readonly #process: Process;
  readonly #folder: TemporaryFolder;

  private constructor(process: Process, folder: TemporaryFolder, env: Readonly<Record<string, string>>) {
    this.#process = process;
    this.#folder = folder;
    this.env = env;
  }

  /** @param inherited the environment in which npm works */
  static async start(inherited: Readonly<Record<string, string>>): Promise<NpmRegistry> {
    const folder = new TemporaryFolder();
    const config = join(folder.path, 'config.json');
    writeFileSync(
      config,
      JSON.stringify({
        storage: join(folder.path, 'storage'),
        auth: { htpasswd: { file: join(folder.path, 'htpasswd'), max_users: -1 } },
        packages: { '@ganomede/*': { access: '$all', publish: '$all' } },
        log: { type: 'stdout', format: 'pretty', level: 'warn' },
      }),
    );
    const host = `127.0.0.1:${await freePort()}`;
    const manifest = createRequire(import.meta.url).resolve('verdaccio/package.json');
    const args = ['--config', config, '--listen', host];
    const process = Process.node(join(dirname(manifest), 'bin', 'verdaccio'), args, { cwd: folder.path });
    try {
      const env = { ...inherited, ...(await settings(folder, host, inherited)) };
      await until('the registry answers', () => answers(`http://${host}/-/ping`), 60_000);
      return new NpmRegistry(process, folder, env);
    } catch (error) {
      await process[Symbol.asyncDispose]();
      folder.remove();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
    this.#folder.remove();
  }
}

async function settings(folder: TemporaryFolder, host: string, inherited: Readonly<Record<string, string>>) {
  const get = async (name: string) =>
    (await run('npm', ['config', 'get', name], { env: inherited })).stdout.trim();
  const [usual, usualCache] = [await get('userconfig'), join(await get('cache'), '_cacache')];
  const userconfig = join(folder.path, 'npmrc');
  if (existsSync(usual)) copyFileSync(usual, userconfig);
  // npm publishes nothing without a token, whatever it is.
  const lines = [`@ganomede:registry=http://${host}/`, `//${host}/:_authToken=any`];
  writeFileSync(userconfig, `\n${lines.join('\n')}\n`, { flag: 'a' });
  const cache = join(folder.path, 'cache');
  mkdirSync(cache);
  // What npx has installed is new, what npm has downloaded before is not downloaded again.
  if (existsSync(usualCache)) symlinkSync(usualCache, join(cache, '_cacache'));
  return { NPM_CONFIG_USERCONFIG: userconfig, NPM_CONFIG_CACHE: cache };
}

const answers = (url: string) =>
  fetch(url).then(
    (response) => response.ok,
    () => false,
  );
