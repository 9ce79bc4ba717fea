import { readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { wrongUsage } from '../terminal/cli-error.js';
import { named } from '../terminal/wording.js';

/** A server, and as whom it is asked; each is optional. */
export interface Profile {
  readonly url?: string;
  /** The server's `API_SECRET`. */
  readonly secret?: string;
  /** Instead of the secret. */
  readonly token?: string;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** The file with the profiles. */
export function profileFile({ XDG_CONFIG_HOME, HOME = homedir() }: Environment): string {
  return join(XDG_CONFIG_HOME || join(HOME, '.config'), 'ganomede-events', 'profiles.json');
}

/**
 * The profile of a name. `default` is one with nothing in it if the file does not have it.
 *
 * @throws CliError if the file has no such profile, or cannot be used
 */
export function readProfile(name: string, env: Environment, onWarning: (text: string) => void): Profile {
  const file = profileFile(env);
  const profiles = readProfiles(file, onWarning);
  const profile = Object.hasOwn(profiles, name) ? profiles[name] : undefined;
  if (profile === undefined && name === 'default') return {};
  if (profile === undefined) {
    const known = Object.keys(profiles).map(named).join(', ') || 'none';
    throw wrongUsage(`There is no profile ${named(name)} in ${file} (it has: ${known}).`);
  }
  return checked(profile, `${file}, profile ${named(name)}`);
}

function readProfiles(file: string, onWarning: (text: string) => void): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return {};
    throw wrongUsage(`${file} cannot be read: ${message}.`);
  }
  const isOpen = process.platform !== 'win32' && (statSync(file).mode & 0o077) !== 0;
  if (isOpen) onWarning(`${file} holds secrets and others may read it; mend that with: chmod 600 ${file}`);
  let profiles: unknown;
  try {
    profiles = JSON.parse(text);
  } catch {
    // What is wrong with it is not repeated: there are secrets in it.
    throw wrongUsage(
      `${file} cannot be used: expected JSON such as {"default": {"url": "…", "secret": "…"}}.`,
    );
  }
  if (typeof profiles === 'object' && profiles !== null && !Array.isArray(profiles))
    return profiles as Record<string, unknown>;
  throw wrongUsage(`${file} cannot be used: expected an object of profiles.`);
}

const FIELDS = ['url', 'secret', 'token'];

function checked(profile: unknown, where: string): Profile {
  const isObject = typeof profile === 'object' && profile !== null && !Array.isArray(profile);
  const entries = Object.entries(isObject ? profile : {});
  const isProfile =
    isObject &&
    entries.every(([name, value]) => FIELDS.includes(name) && typeof value === 'string' && value !== '');
  if (!isProfile) {
    throw wrongUsage(
      `${where}: expected non-empty texts url, secret and token, each optional, and nothing else.`,
    );
  }
  const { secret, token } = profile as Profile;
  if (secret !== undefined && token !== undefined)
    throw wrongUsage(`${where}: expected a secret or a token, got both.`);
  return profile as Profile;
}
