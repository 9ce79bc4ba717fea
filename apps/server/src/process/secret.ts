import { randomBytes } from 'node:crypto';
import { type Config, ConfigError } from './config.js';

/** The secret that clients have to send, and whether it was made for this run. */
export interface ApiSecret {
  readonly value: string;
  readonly generated: boolean;
}

/**
 * The configured secret; outside production one is made if there is none.
 *
 * @throws ConfigError in production without a secret.
 */
export function apiSecret(config: Config): ApiSecret {
  if (config.apiSecret !== undefined) return { value: config.apiSecret, generated: false };
  if (config.nodeEnv === 'production') {
    throw new ConfigError([
      'API_SECRET: expected the secret that clients send; got nothing. Make one with: openssl rand -hex 32',
    ]);
  }
  return { value: randomBytes(24).toString('base64url'), generated: true };
}

/** Everything in the configuration that no log may hold. */
export function configuredSecrets(config: Config): string[] {
  const addresses = [config.redisUrl, config.redisSentinels, ...(config.redisClusterNodes?.split(',') ?? [])];
  const { apiSecret, apiSecretPrevious, tokenSecret } = config;
  return [apiSecret, apiSecretPrevious, tokenSecret, ...addresses.flatMap(passwordsOf)].filter(
    (secret) => secret !== undefined,
  );
}

/** The passwords of a URL, as they stand there and as they are meant. */
function passwordsOf(address = ''): string[] {
  const found = [
    /^(?:[\w+]+:\/\/)?[^:/@]*:(.+)@/.exec(address)?.[1],
    /[?&]sentinelPassword=([^&]+)/.exec(address)?.[1],
  ];
  return found.flatMap((password) => {
    if (password === undefined) return [];
    try {
      return [password, decodeURIComponent(password)];
    } catch {
      return [password];
    }
  });
}

/**
 * What is said on the terminal once the server listens, never in the log: how to try the server, if the secret was made for this
 * run; on a developer's terminal a link to the console that signs in.
 */
export function greeting(
  config: Pick<Config, 'console' | 'nodeEnv'>,
  secret: ApiSecret,
  url: string,
): string {
  const link = `The console, signed in:\n\n  ${url}/console/#secret=${encodeURIComponent(secret.value)}\n\n`;
  const isShown =
    config.console && (secret.generated || (process.stderr.isTTY && config.nodeEnv !== 'production'));
  return (secret.generated ? welcome(url, secret.value) : '') + (isShown ? link : '');
}

/** What a newcomer needs to try the server: the secret and two commands to paste. */
function welcome(url: string, secret: string): string {
  const events = `${url}/events/v1/events`;
  return `
API_SECRET is not set, so this run uses a secret made for it:

  export API_SECRET=${secret}

Wait for an event:

  curl -H 'Authorization: Bearer ${secret}' '${events}?clientId=me&channel=demo&after=0'

Publish one, from another terminal:

  curl -H 'Authorization: Bearer ${secret}' -H 'Content-Type: application/json' ${events} -d '{"clientId":"me","channel":"demo","from":"me","type":"greeting","data":{"text":"hello"}}'

`;
}
