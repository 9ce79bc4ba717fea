/** Shorter secrets can be guessed by trying, RFC 7518, 3.2. In bytes. */
const MIN_SECRET_BYTES = 32;

/** Whether it may be `TOKEN_SECRET`. */
export function isTokenSecret(secret: unknown): boolean {
  return typeof secret === 'string' && Buffer.byteLength(secret) >= MIN_SECRET_BYTES;
}

/** What `TOKEN_JWKS` has to be, for messages. */
export const KEY_SOURCE_RULE =
  'a file, or an https address (http only of this machine) without user and password';

/** Whether a source of keys is an address, and no file. */
export function isAddress(source: string): boolean {
  return source.includes('://');
}

/** Whether keys may be read from there: those that come over a network are to come from whom they seem to. */
export function isKeySource(source: unknown): boolean {
  if (typeof source !== 'string') return false;
  if (!isAddress(source)) return source !== '';
  if (!URL.canParse(source)) return false;
  const { protocol, hostname, username, password } = new URL(source);
  // With a password nothing is fetched, and the error would tell it.
  if (username !== '' || password !== '') return false;
  return (
    protocol === 'https:' ||
    (protocol === 'http:' && /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname))
  );
}
