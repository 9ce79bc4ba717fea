import { createPrivateKey, createSecretKey, type KeyObject, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { SignJWT } from 'jose';
import { type CliError, wrongUsage } from '../terminal/cli-error.js';
import { duration } from '../terminal/wording.js';
import type { Context, Runner } from './context.js';
import { durationValue, listValue, nameValue } from './values.js';

/** What a token may allow. */
const ACTIONS = ['publish', 'read', 'work', 'observe', 'manage'];
/** Shorter secrets can be guessed by trying, RFC 7518, 3.2. In bytes. */
const MIN_SECRET_BYTES = 32;
/** Shorter RSA keys can be factored, RFC 7518, 3.3. */
const MIN_RSA_BITS = 2048;
/** Who says so and for whom, if nobody says otherwise: as the server expects it. */
const DEFAULT_NAME = 'ganomede-events';

interface TokenOptions {
  readonly actions: readonly string[];
  readonly channels: readonly string[];
  readonly clientIds?: readonly string[];
  readonly groups?: readonly string[];
  readonly subject: string;
  readonly issuer?: string;
  readonly audience?: string;
  readonly expires: number;
  readonly key?: string;
  readonly keyId?: string;
}

export function addToken(program: Command, run: Runner): void {
  program
    .command('token')
    .summary('mint a token with some rights')
    .description(
      'Mints a JSON Web Token for those who are not to have the API secret, and prints it. Signed with TOKEN_SECRET, the one of the ' +
        'server, or with a private key whose public half is in the TOKEN_JWKS of the server. Needs no server.',
    )
    .addOption(
      new Option('--actions <names>', `what it allows, with commas: ${ACTIONS.join(', ')}`)
        .argParser(listValue)
        .makeOptionMandatory(),
    )
    .addOption(
      new Option('--channels <names>', 'where, with commas: orders, orders:paid, users/*')
        .argParser(listValue)
        .makeOptionMandatory(),
    )
    .option('--client-ids <names>', 'only as one of these clients; default: any', listValue)
    .option('--groups <names>', 'only in these groups; default: any', listValue)
    .option('--subject <name>', 'whom it is for, for those who read logs', 'ganomede-events-cli')
    .option(
      '--issuer <name>',
      `who says so, as the server expects it [TOKEN_ISSUER, or ${DEFAULT_NAME}]`,
      nameValue,
    )
    .option(
      '--audience <name>',
      `which server it is for, as the server expects it [TOKEN_AUDIENCE, or ${DEFAULT_NAME}]`,
      nameValue,
    )
    .addOption(
      new Option('--expires <duration>', 'how long it holds, such as 15m, 8h or 30d')
        .argParser(durationValue)
        .default(3_600_000, '1h'),
    )
    .option('--key <file>', 'a private key, PEM or JWK, instead of TOKEN_SECRET')
    .option('--key-id <id>', 'which key of the set it is; default: the kid of a JWK')
    .addHelpText(
      'after',
      `
Example, a token with which a page may follow the orders for a day:
  $ TOKEN_SECRET=… ganomede-events token --actions read --channels 'orders/*' --expires 1d`,
    )
    .action(run(token));
}

async function token({ terminal, env }: Context, options: TokenOptions): Promise<void> {
  const { actions, channels, clientIds, groups, subject, expires } = options;
  const unknown = actions.find((action) => !ACTIONS.includes(action));
  if (unknown !== undefined)
    throw wrongUsage(`There is no action ${JSON.stringify(unknown)}; there are ${ACTIONS.join(', ')}.`);
  const { key, algorithm, keyId } =
    options.key === undefined ? secretKey(env.TOKEN_SECRET) : privateKey(options.key, options.keyId);
  const now = Math.floor(Date.now() / 1000);
  const expiresAt = now + Math.max(1, Math.floor(expires / 1000));
  const details = {
    type: 'ganomede-events',
    actions,
    channels,
    ...(clientIds && { clientIds }),
    ...(groups && { groups }),
  };
  // An empty variable is not set, as for the server.
  const issuer = options.issuer ?? (env.TOKEN_ISSUER || DEFAULT_NAME);
  const audience = options.audience ?? (env.TOKEN_AUDIENCE || DEFAULT_NAME);
  // The profile of RFC 9068, with the authorization details of RFC 9396.
  const text = await new SignJWT({ client_id: subject, authorization_details: [details] })
    .setProtectedHeader({ alg: algorithm, typ: 'at+jwt', ...(keyId !== undefined && { kid: keyId }) })
    .setIssuer(issuer)
    .setAudience(audience)
    .setSubject(subject)
    .setJti(randomUUID())
    .setIssuedAt(now)
    .setExpirationTime(expiresAt)
    .sign(key)
    .catch((error: unknown) => {
      // What cannot be signed with is found out only now: a JWK whose parts are of several keys.
      throw options.key === undefined ? error : unusable(options.key, `a key for ${algorithm}`);
    });
  await terminal.result({ token: text, expiresAt: expiresAt * 1000, ...details }, text);
  if (!terminal.isJson) {
    const where = channels.join(', ');
    terminal.say(`It allows to ${actions.join(', ')} on ${where}, for ${duration(expires)}.`);
  }
}

interface SigningKey {
  readonly key: KeyObject;
  readonly algorithm: string;
  readonly keyId: string | undefined;
}

function secretKey(secret: string | undefined): SigningKey {
  if (!secret)
    throw wrongUsage('There is nothing to sign with: set TOKEN_SECRET, or name a private key with --key.');
  if (Buffer.byteLength(secret) < MIN_SECRET_BYTES)
    throw wrongUsage(
      `TOKEN_SECRET can be guessed: expected at least ${MIN_SECRET_BYTES} bytes, as of openssl rand -hex 32.`,
    );
  return { key: createSecretKey(Buffer.from(secret)), algorithm: 'HS256', keyId: undefined };
}

function privateKey(file: string, keyId: string | undefined): SigningKey {
  const text = readFileSync(file, 'utf8');
  let key: KeyObject;
  let kid: string | undefined;
  try {
    if (text.trimStart().startsWith('{')) {
      const jwk = JSON.parse(text) as { kid?: string };
      kid = jwk.kid;
      key = createPrivateKey({ key: jwk, format: 'jwk' });
    } else key = createPrivateKey(text);
  } catch {
    // The reason is not repeated: it may hold a part of the key.
    throw unusable(file, 'a private key without a passphrase, as PEM or JWK');
  }
  const algorithm = algorithmOf(key);
  if (algorithm === undefined) throw unusable(file, 'an RSA, P-256 or Ed25519 key');
  const { modulusLength: bits = MIN_RSA_BITS } = key.asymmetricKeyDetails ?? {};
  if (bits < MIN_RSA_BITS) throw unusable(file, `an RSA key of at least ${MIN_RSA_BITS} bits, got ${bits}`);
  return { key, algorithm, keyId: keyId ?? kid };
}

function unusable(file: string, expected: string): CliError {
  return wrongUsage(`${file} cannot be used: expected ${expected}.`);
}

/** Undefined if servers take none for it. */
function algorithmOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string | undefined {
  if (asymmetricKeyType === 'rsa') return 'RS256';
  if (asymmetricKeyType === 'ed25519') return 'EdDSA';
  if (asymmetricKeyType === 'ec' && asymmetricKeyDetails?.namedCurve === 'prime256v1') return 'ES256';
  return undefined;
}
