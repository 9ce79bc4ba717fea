import type { IncomingHttpHeaders } from 'node:http';
import { FIRST_ID_HEADER, LAST_ID_HEADER } from '@ganomede/events-protocol';

// Node.js gives the names of headers in lower case.
const FIRST_ID = FIRST_ID_HEADER.toLowerCase();
const LAST_ID = LAST_ID_HEADER.toLowerCase();

/** Where a channel began and ended when it was read: ids, 0 if there is none. */
export interface Bounds {
  /** The oldest event kept. */
  readonly firstId: number;
  /** The newest id given. The read saw every event up to it. */
  readonly lastId: number;
}

/** What a reply says about its channel; undefined if the server does not tell. */
export function boundsOf(headers: IncomingHttpHeaders): Bounds | undefined {
  const firstId = idOf(headers[FIRST_ID]);
  const lastId = idOf(headers[LAST_ID]);
  return firstId === undefined || lastId === undefined ? undefined : { firstId, lastId };
}

function idOf(value: string | string[] | undefined): number | undefined {
  if (typeof value !== 'string' || !/^\d+$/.test(value)) return undefined;
  const id = Number(value);
  return Number.isSafeInteger(id) ? id : undefined;
}
