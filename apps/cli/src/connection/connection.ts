import { api, Client } from '@ganomede/events-client';
import { wrongUsage } from '../terminal/cli-error.js';
import type { ServerSettings } from './server-settings.js';

/** A server that does not answer is tried for so long: a person waits. Milliseconds. */
const UNREACHABLE_MS = 500;
/** Where a long task is under way it may be away for a restart. Milliseconds. */
const PATIENT_MS = 30_000;

export type Server = ReturnType<typeof api.serverOf>;

/** The server for single requests. @throws CliError if its address cannot be used */
export function serverAt(settings: ServerSettings): Server {
  return usable(settings, () => api.serverOf({ ...settings, unreachableMs: UNREACHABLE_MS }));
}

/** The server for a task of many requests. @throws CliError if its address cannot be used */
export function clientOf(settings: ServerSettings, clientId: string): Client {
  return usable(
    settings,
    () => new Client(clientId, { ...settings, unreachableMs: PATIENT_MS, sendTimeoutMs: 60_000 }),
  );
}

/** The server for a single send. @throws CliError if its address cannot be used */
export function senderOf(settings: ServerSettings, clientId: string): Client {
  return usable(settings, () => new Client(clientId, { ...settings, unreachableMs: UNREACHABLE_MS }));
}

function usable<Result>({ url }: ServerSettings, make: () => Result): Result {
  if (!URL.canParse(url)) {
    throw wrongUsage(
      `The address of the server cannot be used: expected a URL such as https://events.example.`,
    );
  }
  try {
    return make();
  } catch (error) {
    if (error instanceof TypeError) throw wrongUsage(`${error.message}.`);
    throw error;
  }
}
