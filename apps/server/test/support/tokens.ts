import { type Action, RIGHTS_TYPE } from '@ganomede/events-protocol';
import { type JWTHeaderParameters, SignJWT } from 'jose';

export const TOKEN_SECRET = 'a secret of tokens that has at least 32 bytes';

/** What a token may say, in place of what a good one says; undefined: nothing. */
export interface Claims {
  readonly iss?: string | undefined;
  readonly aud?: string | string[] | undefined;
  readonly exp?: unknown;
  readonly nbf?: unknown;
  readonly authorization_details?: unknown;
}

export const inSeconds = (s: number) => Math.floor(Date.now() / 1_000) + s;

/** Rights on channels, any unless it says which. */
export function rights(actions: readonly (Action | string)[], more: object = {}) {
  return { type: RIGHTS_TYPE, actions, channels: ['*'], ...more };
}

export function claims(...details: unknown[]): Claims {
  return { authorization_details: details };
}

/** A token that is good unless `claims` say otherwise, signed with HS256 unless there is a key of another algorithm. */
export async function mint(
  { iss = 'ganomede-events', aud = 'ganomede-events', ...claims }: Claims = {},
  key: Parameters<SignJWT['sign']>[0] = new TextEncoder().encode(TOKEN_SECRET),
  header: JWTHeaderParameters = { alg: 'HS256' },
): Promise<string> {
  const payload = { iss, aud, exp: inSeconds(3_600), ...claims } as Record<string, unknown>;
  return new SignJWT(payload).setProtectedHeader({ typ: 'at+jwt', ...header }).sign(key);
}

/** Something as a part of a token. */
export function part(json: unknown): string {
  return Buffer.from(typeof json === 'string' ? json : JSON.stringify(json)).toString('base64url');
}
