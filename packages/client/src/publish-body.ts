/** The JSON text of an event as it is now: what is sent of it. @throws TypeError if it cannot be sent */
export function textOfEvent(event: unknown): string {
  return JSON.stringify(fieldsOf(event, ''));
}

/** The JSON texts of several events, with commas between them. @throws TypeError that says which one cannot be sent */
export function textOfEvents(events: readonly unknown[]): string {
  return events.map((event, index) => JSON.stringify(fieldsOf(event, ` of events[${index}]`))).join(',');
}

function fieldsOf(event: unknown, where: string): { from: string; type: string; data?: object | undefined } {
  if (typeof event !== 'object' || event === null) {
    throw new TypeError(`Invalid event${where}: expected an object with from and type`);
  }
  const { from, type, data } = event as { from?: unknown; type?: unknown; data?: unknown };
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
  return { from, type, data };
}
