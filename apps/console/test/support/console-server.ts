import { join } from 'node:path';
import { RedisServer, RestartableServer, TemporaryFolder } from '@ganomede/events-testing';
import { call, publish, seedShop } from './seed.mjs';

const SECRET = 'a secret of the tests & more';

export type StoreKind = 'embedded' | 'redis';

/** The built server with a store of its own, which it keeps when it is started again. */
export class ConsoleServer implements AsyncDisposable {
  readonly secret = SECRET;
  readonly #server: RestartableServer;
  readonly #folder: TemporaryFolder;
  readonly #redis: RedisServer | undefined;

  private constructor(server: RestartableServer, folder: TemporaryFolder, redis: RedisServer | undefined) {
    this.#server = server;
    this.#folder = folder;
    this.#redis = redis;
  }

  static async start(
    kind: StoreKind = 'embedded',
    env: Readonly<Record<string, string>> = {},
  ): Promise<ConsoleServer> {
    const folder = new TemporaryFolder();
    const redis = kind === 'redis' ? await RedisServer.start() : undefined;
    const store: Record<string, string> =
      redis === undefined
        ? { EVENTS_STORE: 'embedded', DATA_DIR: join(folder.path, 'data') }
        : { EVENTS_STORE: 'redis', REDIS_URL: redis.url };
    return new ConsoleServer(
      await RestartableServer.start({ API_SECRET: SECRET, ...store, ...env }),
      folder,
      redis,
    );
  }

  get url(): string {
    return this.#server.url;
  }

  /** A link that signs in, and leads to a place of the page, such as `#/channels`. */
  get link(): string {
    return `${this.url}/console/#secret=${encodeURIComponent(this.secret)}`;
  }

  seed(): Promise<void> {
    return seedShop(this);
  }

  publish(channel: string, events: object[]): Promise<unknown> {
    return publish(this, channel, events);
  }

  call(method: string, path: string, body?: object): Promise<unknown> {
    return call(this, method, path, body);
  }

  /** The Redis that it uses, if it does. */
  get redis(): RedisServer {
    if (this.#redis === undefined) throw new TypeError('There is no Redis');
    return this.#redis;
  }

  /** Stops the process in its tracks: connections stay, nothing is answered. */
  pause(): void {
    this.#server.pause();
  }

  resume(): void {
    this.#server.resume();
  }

  async start(): Promise<void> {
    await this.#server.start();
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    await this.#server.stop(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
    await this.#redis?.[Symbol.asyncDispose]();
    this.#folder.remove();
  }
}
