import {
  type EventInput,
  EventsError,
  type Metadata,
  metadataProblem,
  parseChannel,
} from '@ganomede/events-protocol';
import { filedType } from './filed-type.js';

/** An event that is to get an id. */
export interface SerialisedEvent {
  /**
   * The part of its JSON text that its publisher decides, without the opening brace:
   * `"from":"users/v1","type":"add"}`. A store puts id and timestamp before it.
   */
  readonly text: string;
  /** What tells it from other events: its text without the trace in which it was sent. Default: its text. */
  readonly untraced?: string | undefined;
  /** The type that it is notified under. */
  readonly type: string;
  /** The type to file it under; undefined for none. */
  readonly filed: string | undefined;
}

/**
 * Serialises events that are appended to a channel (a name as on the wire): `from`, `type`, `data` and `metadata` of each.
 *
 * @throws EventsError `InvalidContent` if `from` or `type` is no non-empty string, `data` is neither an object
 * nor an array, or has no JSON text (a cycle, a BigInt, nested too deeply), or `metadata` is not as `metadataProblem` has it.
 */
export function serialiseEvents(
  name: string,
  inputs: readonly EventInput[],
  typedChannels: boolean,
): SerialisedEvent[] {
  const named = parseChannel(name, typedChannels).type;
  let last: EventInput | undefined;
  let head = '';
  let filed: string | undefined;
  return inputs.map((input, i) => {
    const { from, type, data, metadata } = input;
    // In a batch most are alike in all but their data.
    if (last === undefined || from !== last.from || type !== last.type) {
      assertText('from', from);
      assertText('type', type);
      head = `"from":${JSON.stringify(from)},"type":${JSON.stringify(type)}`;
      filed = filedType(name, input, typedChannels);
      last = input;
    }
    const json = jsonOf(data);
    const content = json === undefined ? head : `${head},"data":${json}`;
    if (metadata === undefined) return { text: `${content}}`, type: named ?? type, filed };
    // A copy: what it inherits has no say in its text.
    const own = { ...checked(metadata, inputs.length > 1 ? ` in events/${i}` : '') };
    const text = `${content},"metadata":${JSON.stringify(own)}}`;
    const untraced = isTraced(own) ? `${content}${untracedText(own)}}` : undefined;
    return { text, untraced, type: named ?? type, filed };
  });
}

function checked(metadata: Metadata, where: string): Metadata {
  const problem = metadataProblem(metadata);
  if (problem === undefined) return metadata;
  throw new EventsError('InvalidContent', `Invalid metadata${where}: ${problem}`);
}

function isTraced(metadata: Metadata): boolean {
  return metadata.traceparent !== undefined || metadata.tracestate !== undefined;
}

/** Of metadata that is traced. */
function untracedText({ traceparent: _parent, tracestate: _state, ...others }: Metadata): string {
  return Object.keys(others).length === 0 ? '' : `,"metadata":${JSON.stringify(others)}`;
}

function jsonOf(data: unknown): string | undefined {
  if (data === undefined) return undefined;
  if (typeof data !== 'object' || data === null) {
    throw new EventsError(
      'InvalidContent',
      `Invalid data: expected an object or an array, got ${String(data)}`,
    );
  }
  try {
    return JSON.stringify(data);
  } catch (cause) {
    const reason = cause instanceof RangeError ? 'nested too deeply' : (cause as Error).message;
    throw new EventsError(
      'InvalidContent',
      `Invalid data: expected something with a JSON text, got ${reason}`,
      { cause },
    );
  }
}

function assertText(name: string, value: unknown): void {
  if (typeof value === 'string' && value !== '') return;
  const came = typeof value === 'string' ? 'an empty one' : value === null ? 'null' : typeof value;
  throw new EventsError('InvalidContent', `Invalid ${name}: expected a non-empty string, got ${came}`);
}
