import { getSystemErrorName } from 'node:util';
import { EventsError } from '@ganomede/events-protocol';
import { freeBytes } from './disk-space.js';

/** What `openLmdbStore` rejects with. */
export function cannotOpen(dataDir: string, reason: string, cause?: unknown): EventsError {
  const detail = cause === undefined ? '' : `: ${describe(cause)}`;
  return new EventsError(
    'ServiceUnavailable',
    `Cannot open the event store in ${dataDir}: ${reason}${detail}`,
    cause === undefined ? undefined : { cause },
  );
}

/** What `ping` rejects with. */
export function cannotUse(dataDir: string, cause: unknown): EventsError {
  return new EventsError(
    'ServiceUnavailable',
    `Cannot use the event store in ${dataDir}: ${describe(cause)}`,
    {
      cause,
    },
  );
}

/** What a write rejects with; `subject` says what was lost. */
export function cannotWrite(dataDir: string, subject: string, cause: unknown): EventsError {
  return new EventsError(
    'ServiceUnavailable',
    `Cannot write ${subject} to ${dataDir}: ${describe(cause)}${freeSpace(dataDir)}`,
    { cause },
  );
}

/** What a read rejects with. */
function cannotRead(dataDir: string, subject: string, cause: unknown): EventsError {
  return new EventsError('ServiceUnavailable', `Cannot read ${subject} from ${dataDir}: ${describe(cause)}`, {
    cause,
  });
}

/** @throws what `cannotRead` makes of what `read` throws */
export function reading<T>(dataDir: string, subject: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw cannotRead(dataDir, subject, cause);
  }
}

/** Messages of Node name the error already; LMDB tells errno as a positive number. */
function describe(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const { code } = cause as { code?: unknown };
  return typeof code === 'number' && code > 0 && code < 1000 && process.platform !== 'win32'
    ? `${cause.message} (${getSystemErrorName(-code)})`
    : cause.message;
}

/** LMDB reports the write that a disk cut short as EIO, so the space that is left is part of the message. */
function freeSpace(dataDir: string): string {
  try {
    return `, ${Math.floor(freeBytes(dataDir) / 1024)} KiB free on its disk`;
  } catch {
    return '';
  }
}
