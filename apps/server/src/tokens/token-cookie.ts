import type { IncomingHttpHeaders } from 'node:http';
import { TOKEN_COOKIE } from '@ganomede/events-protocol';

const COOKIE = new RegExp(`(?:^|;) *${TOKEN_COOKIE}=([^;]*)`);

/** The token in the cookie of a request; undefined if there is none. */
export function tokenInCookie({ cookie }: IncomingHttpHeaders): string | undefined {
  return cookie === undefined ? undefined : COOKIE.exec(cookie)?.[1];
}

/**
 * Whether a browser sends the request for a page of this server's own host, or of one of these origins: it sends the cookie for pages of
 * others too, and tells by headers, which no page can change, for whom it does.
 */
export function isOfPage(headers: IncomingHttpHeaders, origins: readonly string[]): boolean {
  if (headers['sec-fetch-site'] === 'same-origin') return true;
  return headers.origin !== undefined && origins.includes(headers.origin);
}
