import { type ClientOptions, resolveOptions } from './options.js';

/** Options of `Client.fromEnv`: all of `ClientOptions`, none required. */
export type EnvironmentOptions = ClientOptions;

/**
 * Adds `API_SECRET` as the secret, unless there is a token, and `EVENTS_URL` as the address, if the options do not have their own. An empty
 * variable counts as none.
 *
 * @throws TypeError that names the variable which is missing or wrong
 */
export function withEnvironment(
  options: EnvironmentOptions,
  env: Readonly<Record<string, string | undefined>>,
): ClientOptions {
  const { API_SECRET, EVENTS_URL } = env;
  const secret = options.secret ?? (options.token === undefined ? API_SECRET : undefined);
  if (!secret && options.token === undefined)
    throw new TypeError('Invalid API_SECRET: expected the secret of the server, got none');
  const { url, protocol, hostname, port, pathname } = options;
  const isAddressed = [url, protocol, hostname, port, pathname].some((part) => part !== undefined);
  const completed = { ...options, secret, ...(!isAddressed && EVENTS_URL ? { url: EVENTS_URL } : {}) };
  resolveOptions(completed, {
    secret: options.secret === undefined ? 'API_SECRET' : 'secret',
    url: isAddressed ? 'url' : 'EVENTS_URL',
  });
  return completed;
}
