import { type IncomingHttpHeaders, validateHeaderValue } from 'node:http';
import { FIRST_ID_HEADER } from '@ganomede/events-protocol';
import type { Token } from './token.js';

/** `header`: `Authorization: Bearer`. `fields`: a parameter of the query or a field of the body, as the original knows it. */
export type SecretPlace = 'header' | 'fields';

const FIRST_ID = FIRST_ID_HEADER.toLowerCase();

/**
 * The secret of a server, and where its requests carry it: in a header, which no log has, unless the secret is no text for a
 * header or the server turns out to be one of the original, which looks for it in the fields alone. A token, which no such server
 * knows, is always in the header.
 */
export class Credentials {
  readonly #secret: string;
  readonly #token: Token | undefined;
  readonly #fitsHeader: boolean;
  #place: SecretPlace;
  /** Some request has. */
  #wasInFields = false;

  constructor(secret: string | Token) {
    const isSecret = typeof secret === 'string';
    this.#secret = isSecret ? secret : '';
    this.#token = isSecret ? undefined : secret;
    this.#fitsHeader = !isSecret || fitsHeader(secret);
    this.#place = this.#fitsHeader ? 'header' : 'fields';
  }

  /** Where requests carry it now. */
  get place(): SecretPlace {
    return this.#place;
  }

  /** Resolves once requests can be sent; undefined if they can. Rejects if no token is to be had. */
  ready(): Promise<void> | undefined {
    return this.#token?.ready();
  }

  /** The token that requests carry now. */
  get token(): string | undefined {
    return this.#token?.current;
  }

  /** Whether a request that carried this token, and was refused as unauthorized, may succeed with the next one. */
  renews(token: string | undefined, { 'www-authenticate': challenge }: IncomingHttpHeaders): boolean {
    const isInvalid = /\berror="?invalid_token\b/.test(challenge ?? '');
    return isInvalid && this.#token?.refused(token) === true;
  }

  headers(place: SecretPlace): { readonly Authorization?: string } {
    return place === 'header' ? { Authorization: `Bearer ${this.#token?.current ?? this.#secret}` } : {};
  }

  /** The query of a request without a body, perhaps empty. */
  query(place: SecretPlace, query: URLSearchParams | undefined): string {
    if (place === 'header') return String(query ?? '');
    this.#wasInFields = true;
    return String(new URLSearchParams([...(query ?? []), ['secret', this.#secret]]));
  }

  /** The body of a request, the JSON text of an object that has fields. */
  body(place: SecretPlace, text: string): string {
    if (place === 'header') return text;
    this.#wasInFields = true;
    return `{"secret":${JSON.stringify(this.#secret)},${text.slice(1)}`;
  }

  /**
   * Where a request is to carry it that was refused as unauthorized, undefined if that helps nothing: a server that knows the
   * header names it in its refusal.
   */
  elsewhere(
    place: SecretPlace,
    { 'www-authenticate': challenge }: IncomingHttpHeaders,
  ): SecretPlace | undefined {
    if (this.#token !== undefined) return undefined;
    const knowsHeader = /^Bearer\b/i.test(challenge ?? '');
    if (place === 'header') return knowsHeader ? undefined : 'fields';
    return knowsHeader && this.#fitsHeader ? 'header' : undefined;
  }

  /** A request that carries it there succeeds, where another has not. */
  use(place: SecretPlace): void {
    this.#place = place;
  }

  /** A reply has come that is no refusal: if it tells the bounds of a channel it is not the original's any more. */
  seen(headers: IncomingHttpHeaders): void {
    if (this.#fitsHeader && headers[FIRST_ID] !== undefined) this.#place = 'header';
  }

  /** A text without the secret: who answers may repeat the URL. */
  hiddenIn(text: string): string {
    if (!this.#wasInFields) return text;
    const [, encoded = ''] = String(new URLSearchParams({ secret: this.#secret })).split('=');
    const forms = [this.#secret, encodeURIComponent(this.#secret), encoded];
    return forms.reduce((hidden, form) => hidden.split(form).join('[secret]'), text);
  }
}

/** Whether it arrives as it is: spaces around a header's value do not. */
export function fitsHeader(secret: string): boolean {
  try {
    validateHeaderValue('Authorization', secret);
    return secret.trim() === secret;
  } catch {
    return false;
  }
}
