import { EventsError, type IndexDefinition } from '@ganomede/events-protocol';
import type { ListedCursor } from '../consumers/saved-cursor.js';
import { Epochs } from '../events/epochs.js';
import { headerOf } from '../events/event-text.js';
import type { ReadBounds, StoreRecord } from './read-store.js';
import { type GroupEntry, type GroupSnapshot, IMPORT_STEP, type ImportedEvent } from './transfer-storage.js';

/**
 * A backup is a text of lines, each a JSON object that ends with a line feed:
 *
 * | line | |
 * | --- | --- |
 * | `{"format":"ganomede-events-backup","version":1,"createdAt":"…"}` | the first one |
 * | `{"channel":"users/v1"}` | what follows is of this channel |
 * | `{"cursors":[{"clientId",…},…]}` | cursors of consumers, on the channel and its types |
 * | `{"group":{…},"entries":[…]}` | a group; those of its events that it is not done with may go on in lines `{"entries":[…]}` |
 * | `{"bounds":{"lastId":…,"timestamp":…,"isDeleted":…,"epoch":…,"earlierEpochs":…}}` | where it ends |
 * | `{"filed":"add","event":{…}}` | an event as it is stored, and the type that it is filed under or null; ascending by id |
 * | `{"end":{"content":"…"}}` | no more of this channel; see `ContentDigest` |
 * | `{"index":{"id":…,"channel":…,"field":…}}` | definitions of indices, behind all channels |
 * | `{"total":{…},"content":"…","sha256":"…"}` | the last one: counts, and the SHA-256 of all lines before |
 */
export const BACKUP_FORMAT = 'ganomede-events-backup';
export const BACKUP_VERSION = 1;

/** What a backup holds. */
export interface BackupTotal {
  readonly channels: number;
  readonly events: number;
  readonly cursors: number;
  readonly groups: number;
  readonly indices: number;
}

export interface BackupTrailer {
  readonly total: BackupTotal;
  /** See `ContentDigest`. */
  readonly content: string;
  /** Of all bytes before the line of this. */
  readonly sha256: string;
}

/** What a line tells. */
export type BackupLine =
  | Exclude<StoreRecord, { readonly kind: 'events' | 'end' }>
  | { readonly kind: 'header' }
  | { readonly kind: 'entries'; readonly entries: readonly GroupEntry[] }
  | { readonly kind: 'event'; readonly event: ImportedEvent }
  | { readonly kind: 'end'; readonly content: string }
  | { readonly kind: 'trailer'; readonly trailer: BackupTrailer };

const FILED = Buffer.from('{"filed":');
const EVENT = Buffer.from(',"event":');
const END_OF_EVENT = Buffer.from('}\n');

export function headerLine(createdAt: Date): Buffer {
  return lineOf({ format: BACKUP_FORMAT, version: BACKUP_VERSION, createdAt: createdAt.toISOString() });
}

export function trailerLine({ total, content, sha256 }: BackupTrailer): Buffer {
  return lineOf({ total, content, sha256 });
}

/** `content`: of an `end` the digest of its channel. */
export function* linesOf(record: StoreRecord, content: string | undefined): Iterable<Buffer> {
  switch (record.kind) {
    case 'channel':
      yield lineOf({ channel: record.channel });
      return;
    case 'cursors':
      yield lineOf({ cursors: record.cursors });
      return;
    case 'group': {
      const { scope, entries: all, ...group } = record.group;
      const entries = all.map(entryOf);
      const { type, group: name } = scope;
      yield lineOf({ group: { type, name, ...group }, entries: entries.slice(0, IMPORT_STEP) });
      for (let i = IMPORT_STEP; i < entries.length; i += IMPORT_STEP) {
        yield lineOf({ entries: entries.slice(i, i + IMPORT_STEP) });
      }
      return;
    }
    case 'bounds': {
      const { lastId, timestamp, isDeleted, epochs } = record.bounds;
      const { current: epoch, earlier: earlierEpochs } = epochs;
      yield lineOf({ bounds: { lastId, timestamp, isDeleted, epoch, earlierEpochs } });
      return;
    }
    case 'events':
      for (const { json, filed } of record.events) {
        yield FILED;
        yield Buffer.from(JSON.stringify(filed ?? null));
        yield EVENT;
        yield json;
        yield END_OF_EVENT;
      }
      return;
    case 'end':
      yield lineOf({ end: { content } });
      return;
    case 'index':
      yield lineOf({ index: record.index });
      return;
  }
}

/**
 * `channel`: the one that the line is of; `number`: of the line, from 1.
 *
 * @throws EventsError `InvalidContent` if it is no line of a backup
 */
export function parseLine(line: Buffer, channel: string, number: number): BackupLine {
  try {
    const event = parseEvent(line);
    if (event) return event;
    const parsed = parseObject(JSON.parse(line.toString()) as LineObject, channel);
    if (parsed) return parsed;
  } catch (cause) {
    if (cause instanceof EventsError) throw cause;
    throw invalidBackup(`line ${number} cannot be read: ${(cause as Error).message}`);
  }
  throw invalidBackup(`line ${number} is none of a backup`);
}

export function invalidBackup(reason: string): EventsError {
  return new EventsError('InvalidContent', `Invalid backup: ${reason}`);
}

function parseEvent(line: Buffer): BackupLine | undefined {
  if (!line.subarray(0, FILED.length).equals(FILED)) return undefined;
  // Quotes within the name of a type are escaped.
  const end = line.indexOf(EVENT);
  const filed = JSON.parse(line.toString('utf8', FILED.length, end)) as string | null;
  const json = line.subarray(end + EVENT.length, -1);
  const { id } = headerOf(json);
  if (!Number.isSafeInteger(id)) throw new Error('expected an event with an id');
  return { kind: 'event', event: { id, json, filed: filed ?? undefined } };
}

/** What a line may have: one of these, `group` with `entries`, and `total` with what comes with it. */
interface LineObject {
  readonly format?: unknown;
  readonly version?: unknown;
  readonly channel?: string;
  readonly cursors?: readonly ListedCursor[];
  readonly group?: Omit<GroupSnapshot, 'scope' | 'entries'> & {
    readonly type?: string;
    readonly name: string;
  };
  readonly entries?: readonly GroupEntry[];
  readonly bounds?: Omit<ReadBounds, 'epochs'> & { readonly epoch: string; readonly earlierEpochs: string };
  readonly end?: { readonly content: string };
  readonly index?: IndexDefinition;
  readonly total?: BackupTotal;
  readonly content?: string;
  readonly sha256?: string;
}

function parseObject(line: LineObject, channel: string): BackupLine | undefined {
  const { cursors, group, entries = [], bounds, end, index, total, content = '', sha256 = '' } = line;
  if (line.format !== undefined) return parseHeader(line);
  if (line.channel !== undefined) return { kind: 'channel', channel: line.channel };
  if (cursors) return { kind: 'cursors', cursors: cursors.map(toCursor) };
  if (group) {
    const { type, name, ...told } = group;
    const scope = { channel, type, group: name };
    return { kind: 'group', group: { ...told, scope, entries: entries.map(entryOf) } };
  }
  if (line.entries) return { kind: 'entries', entries: entries.map(entryOf) };
  if (bounds) {
    const { epoch, earlierEpochs, ...told } = bounds;
    return { kind: 'bounds', bounds: { ...told, epochs: new Epochs(epoch, earlierEpochs) } };
  }
  if (end) return { kind: 'end', content: end.content };
  if (index) return { kind: 'index', index };
  if (total) return { kind: 'trailer', trailer: { total, content, sha256 } };
  return undefined;
}

function parseHeader({ format, version }: LineObject): BackupLine {
  if (format === BACKUP_FORMAT && version === BACKUP_VERSION) return { kind: 'header' };
  throw invalidBackup(
    `expected format ${BACKUP_FORMAT}, version ${BACKUP_VERSION}, got ${String(format)}, version ${String(version)}`,
  );
}

function toCursor({ clientId, type, after, savedAt, epoch }: ListedCursor): ListedCursor {
  return { clientId, type, after, savedAt, epoch };
}

/** Its fields in the same order, whatever it comes from, so that backups of the same groups are the same text. */
function entryOf(entry: GroupEntry): GroupEntry {
  const { id, state, dueAt, value, count, clientId, firstDeliveredAt, endedAt, reason, deadLetterId } = entry;
  return { id, state, dueAt, value, count, clientId, firstDeliveredAt, endedAt, reason, deadLetterId };
}

function lineOf(object: object): Buffer {
  return Buffer.from(`${JSON.stringify(object)}\n`);
}
