import type { Client } from '@ganomede/events-client';
import { clientOf, type Server, senderOf, serverAt } from '../connection/connection.js';
import type { Environment } from '../connection/profile.js';
import {
  type ConnectionOptions,
  type ServerSettings,
  serverSettings,
} from '../connection/server-settings.js';
import type { Terminal } from '../terminal/terminal.js';

/** Who this program is to a server, if nobody says so. */
export const CLIENT_ID = 'ganomede-events-cli';

/** What a command has to do with: a terminal, the environment, and a server once it asks for it. */
export class Context {
  readonly terminal: Terminal;
  readonly env: Environment;
  readonly #options: ConnectionOptions;
  #settings: ServerSettings | undefined;
  #server: Server | undefined;

  constructor(terminal: Terminal, env: Environment, options: ConnectionOptions) {
    this.terminal = terminal;
    this.env = env;
    this.#options = options;
  }

  get signal(): AbortSignal {
    return this.terminal.signal;
  }

  /** @throws CliError if the configuration cannot be used */
  get settings(): ServerSettings {
    this.#settings ??= serverSettings(this.#options, this.env, (text) => this.terminal.warn(text));
    return this.#settings;
  }

  /** For single requests. @throws CliError if the configuration cannot be used */
  get server(): Server {
    this.#server ??= serverAt(this.settings);
    return this.#server;
  }

  /** For a task of many requests; whoever opens it closes it. @throws CliError if the configuration cannot be used */
  client(clientId: string): Client {
    return clientOf(this.settings, clientId);
  }

  /** For a single send; whoever opens it closes it. @throws CliError if the configuration cannot be used */
  sender(clientId: string): Client {
    return senderOf(this.settings, clientId);
  }
}

/** What the parser calls: the arguments of a command and its options, after the context. */
export type Runner = <Args extends unknown[]>(
  work: (context: Context, ...args: Args) => Promise<void>,
) => (...args: unknown[]) => Promise<void>;
