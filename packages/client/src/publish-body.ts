import { metadataProblem } from '@ganomede/events-protocol';

/** The JSON text of an event as it is now: what is sent of it. @throws TypeError if it cannot be sent */
export function textOfEvent(event: unknown): string {
  return JSON.stringify(fieldsOf(event, ''));
}

/** The JSON texts of several events, with commas between them. @throws TypeError that says which one cannot be sent */
export function textOfEvents(events: readonly unknown[]): string {
  return events.map((event, index) => JSON.stringify(fieldsOf(event, ` of events[${index}]`))).join(',');
}

/** What goes over the wire of an event. */
interface Fields {
  readonly from: string;
  readonly type: string;
  readonly data?: object | undefined;
  readonly metadata?: object | undefined;
}

function fieldsOf(event: unknown, where: string): Fields {
  if (typeof event !== 'object' || event === null) {
    throw new TypeError(`Invalid event${where}: expected an object with from and type`);
  }
  const { from, type, data, metadata } = event as { readonly [Field in keyof Fields]?: unknown };
  if (typeof from !== 'string' || from === '') {
    throw new TypeError(`Invalid from${where}: expected a non-empty string`);
  }
  if (typeof type !== 'string' || type === '') {
    throw new TypeError(`Invalid type${where}: expected a non-empty string`);
  }
  if (data !== undefined && (typeof data !== 'object' || data === null)) {
    const got = data === null ? 'null' : typeof data;
    throw new TypeError(`Invalid data${where}: expected an object or an array, got ${got}`);
  }
  if (metadata === undefined) return { from, type, data };
  const given = withoutUndefined(metadata);
  const problem = metadataProblem(given);
  if (problem !== undefined) throw new TypeError(`Invalid metadata${where}: ${problem}`);
  return { from, type, data, metadata: { ...(given as object) } };
}

/** `{ traceparent: current?.traceparent }` has no entry where there is none, as in JSON. */
export function withoutUndefined(metadata: unknown): unknown {
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) return metadata;
  return Object.fromEntries(Object.entries(metadata).filter(([, text]) => text !== undefined));
}
