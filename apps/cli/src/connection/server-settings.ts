import { wrongUsage } from '../terminal/cli-error.js';
import { type Environment, type Profile, profileFile, readProfile } from './profile.js';

/** Where a server is if nobody says so: where `npm start` starts one. */
export const DEFAULT_URL = 'http://localhost:8000';

/** The server's `API_SECRET`, or a token, which the client never writes into a URL or a body. */
type Credential = { readonly secret: string } | { readonly token: string };

/** Which server is asked, and as whom. */
export type ServerSettings = { readonly url: string } & Credential;

/** What the command line says of it. */
export interface ConnectionOptions {
  readonly url?: string | undefined;
  readonly profile?: string | undefined;
}

/**
 * The options go first, then a profile that is asked for, then the environment, then the profile `default`.
 *
 * @throws CliError if there is neither a secret nor a token, or the profile cannot be used
 */
export function serverSettings(
  { url, profile: option }: ConnectionOptions,
  env: Environment,
  onWarning: (text: string) => void,
): ServerSettings {
  const chosen = option ?? (env.GANOMEDE_EVENTS_PROFILE || undefined);
  const profile = readProfile(chosen ?? 'default', env, onWarning);
  const environment: Profile = {
    ...(env.GANOMEDE_EVENTS_URL && { url: env.GANOMEDE_EVENTS_URL }),
    ...(env.GANOMEDE_EVENTS_TOKEN
      ? { token: env.GANOMEDE_EVENTS_TOKEN }
      : env.API_SECRET && { secret: env.API_SECRET }),
  };
  const [first, second] = chosen === undefined ? [environment, profile] : [profile, environment];
  const credential = credentialOf(first) ?? credentialOf(second);
  if (credential === undefined) {
    throw wrongUsage(
      `There is no secret for the server: set API_SECRET or GANOMEDE_EVENTS_TOKEN, or write one into ${profileFile(env)}.`,
    );
  }
  return { url: url ?? first.url ?? second.url ?? DEFAULT_URL, ...credential };
}

function credentialOf({ token, secret }: Profile): Credential | undefined {
  if (token !== undefined) return { token };
  return secret === undefined ? undefined : { secret };
}
