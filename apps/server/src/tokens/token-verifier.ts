import { EventsError, MAX_TOKEN_LENGTH } from '@ganomede/events-protocol';
import type { FastifyBaseLogger } from 'fastify';
import type * as Jose from 'jose';
import type { Config } from '../process/config.js';
import { KeySet } from './key-set.js';
import { isKeySource, isTokenSecret, KEY_SOURCE_RULE } from './key-source.js';
import { Rights } from './rights.js';

/** Those by keys of a set. With a secret: HS256. */
const KEY_ALGORITHMS = ['RS256', 'ES256', 'EdDSA'];
/** How much earlier than it says a token is valid, since clocks differ. Seconds. */
const LEEWAY_S = 30;
/** Tokens that are remembered. */
const MOST_TOKENS = 10_000;

/** What an empty signature belongs to looks like one, too. */
const TOKEN = /^[\w-]+\.[\w-]+\.[\w-]*$/;

/** Whether a text is meant as a token, and not as a secret. */
export function looksLikeToken(text: string): boolean {
  return TOKEN.test(text);
}

export type TokenSettings = Pick<Config, 'tokenSecret' | 'tokenJwks' | 'tokenIssuer' | 'tokenAudience'>;

/** A token that is refused. `isForged`: nobody who might has signed it. */
export class TokenRefusal extends EventsError {
  readonly isForged: boolean;

  constructor(reason: string, isForged: boolean) {
    super('InvalidToken', `Invalid token: ${reason}`);
    this.isForged = isForged;
  }
}

/**
 * Checks tokens: JSON Web Tokens that are signed by one of the configured means, are for this server, and have not expired. One that was
 * found good is remembered until it expires, or the keys change.
 */
export class TokenVerifier {
  readonly #jose: typeof Jose;
  readonly #settings: TokenSettings;
  readonly #typedChannels: boolean;
  readonly #secret: Uint8Array | undefined;
  readonly #keys: KeySet | undefined;
  readonly #algorithms: string[];
  /** Those that were added last come last. */
  readonly #known = new Map<string, Rights>();
  /** That of the keys by which they were checked. */
  #version = 0;

  private constructor(
    jose: typeof Jose,
    settings: TokenSettings,
    keys: KeySet | undefined,
    typedChannels: boolean,
  ) {
    const { tokenSecret } = settings;
    this.#jose = jose;
    this.#settings = settings;
    this.#typedChannels = typedChannels;
    this.#secret = tokenSecret === undefined ? undefined : new TextEncoder().encode(tokenSecret);
    this.#keys = keys;
    this.#algorithms = [
      ...(tokenSecret === undefined ? [] : ['HS256']),
      ...(keys === undefined ? [] : KEY_ALGORITHMS),
    ];
  }

  /**
   * Undefined if neither `TOKEN_SECRET` nor `TOKEN_JWKS` is set; then nothing is loaded for it.
   *
   * @throws TypeError for settings that cannot be used, and what is wrong with the file of the keys (as rejections)
   */
  static async open(
    settings: TokenSettings,
    typedChannels: boolean,
    log: FastifyBaseLogger,
  ): Promise<TokenVerifier | undefined> {
    const { tokenSecret, tokenJwks, tokenIssuer, tokenAudience } = settings;
    if (tokenSecret === undefined && tokenJwks === undefined) return undefined;
    // None is repeated: there may be a secret in it.
    if (tokenSecret !== undefined && !isTokenSecret(tokenSecret)) {
      throw new TypeError('Invalid tokenSecret: expected a string of at least 32 bytes');
    }
    if (tokenJwks !== undefined && !isKeySource(tokenJwks)) {
      throw new TypeError(`Invalid tokenJwks: expected ${KEY_SOURCE_RULE}`);
    }
    // Without them all would be right.
    if (tokenIssuer === '' || tokenAudience === '') {
      throw new TypeError('Invalid tokenIssuer or tokenAudience: expected non-empty strings');
    }
    // It has no other form than that of an ES module, which `require` does not take everywhere.
    const jose = await import('jose');
    const keys = tokenJwks === undefined ? undefined : new KeySet(tokenJwks, jose, log);
    await keys?.open();
    return new TokenVerifier(jose, settings, keys, typedChannels);
  }

  /** The rights of a token that was found good before. */
  known(token: string): Rights | undefined {
    if (this.#keys !== undefined) {
      this.#keys.refresh();
      this.#forgetOthers(this.#keys.version);
    }
    const rights = this.#known.get(token);
    if (rights === undefined || rights.expiresAt > Date.now()) return rights;
    this.#known.delete(token);
    return undefined;
  }

  /** The rights of a token. @throws TokenRefusal, TemporaryRefusal (as rejections) */
  async verify(token: string): Promise<Rights> {
    if (token.length > MAX_TOKEN_LENGTH) {
      throw new TokenRefusal(`it has more than ${MAX_TOKEN_LENGTH} characters`, true);
    }
    const version = this.#keys?.version ?? 0;
    const rights = this.#rightsOf(await this.#claimsOf(token));
    // What the keys are by now says nothing about it.
    if (version === (this.#keys?.version ?? 0)) this.#remember(token, rights, version);
    return rights;
  }

  async #claimsOf(token: string): Promise<Jose.JWTPayload> {
    const keyOf: Jose.JWTVerifyGetKey = (header, parts) => {
      // Only with what is configured: its algorithm was looked at before.
      if (header.alg === 'HS256') return this.#secret as Uint8Array;
      return (this.#keys as KeySet).keyOf(header, parts);
    };
    try {
      const { payload } = await this.#jose.jwtVerify(token, keyOf, {
        algorithms: this.#algorithms,
        issuer: this.#settings.tokenIssuer,
        audience: this.#settings.tokenAudience,
        requiredClaims: ['exp'],
        clockTolerance: LEEWAY_S,
      });
      return payload;
    } catch (error) {
      throw error instanceof EventsError ? error : refusalOf(error);
    }
  }

  #rightsOf({ exp = 0, sub: subject, authorization_details: details }: Jose.JWTPayload): Rights {
    // The leeway is for its beginning.
    const expiresAt = exp * 1_000;
    if (expiresAt <= Date.now()) throw new TokenRefusal(EXPIRED, false);
    const rights = Rights.read(details, { subject, expiresAt }, this.#typedChannels);
    if (rights === undefined) throw new TokenRefusal('its authorization_details are not as described', false);
    return rights;
  }

  #remember(token: string, rights: Rights, version: number): void {
    this.#forgetOthers(version);
    this.#known.set(token, rights);
    if (this.#known.size <= MOST_TOKENS) return;
    const [oldest] = this.#known.keys();
    this.#known.delete(oldest as string);
  }

  /** Those that were checked by other keys. */
  #forgetOthers(version: number): void {
    if (version === this.#version) return;
    this.#version = version;
    this.#known.clear();
  }
}

const EXPIRED = 'it has expired';

/** By jose's codes, and for claims by their names. What was not signed as it should is told nothing about the configuration. */
const FORGED: Record<string, string> = {
  ERR_JWS_INVALID: 'expected a signed JSON Web Token',
  ERR_JWT_INVALID: 'expected a signed JSON Web Token',
  ERR_JOSE_ALG_NOT_ALLOWED: 'its algorithm is not accepted here',
  ERR_JOSE_NOT_SUPPORTED: 'it needs what is not supported here',
  ERR_JWKS_NO_MATCHING_KEY: 'its key is not known here',
  ERR_JWKS_MULTIPLE_MATCHING_KEYS: 'it does not name its key',
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED: 'its signature is wrong',
};
const REFUSED_CLAIMS: Record<string, string> = {
  exp: EXPIRED,
  nbf: 'it is not valid yet',
  iss: 'it is from another issuer',
  aud: 'it is for another audience',
};

function refusalOf(error: unknown): TokenRefusal {
  const { code = '', claim = '', reason } = error as { code?: string; claim?: string; reason?: string };
  if (code !== 'ERR_JWT_EXPIRED' && code !== 'ERR_JWT_CLAIM_VALIDATION_FAILED') {
    return new TokenRefusal(FORGED[code] ?? 'it cannot be checked', true);
  }
  const problem = reason === 'check_failed' ? REFUSED_CLAIMS[claim] : undefined;
  return new TokenRefusal(problem ?? `expected a claim ${claim} that is valid, got none`, false);
}
