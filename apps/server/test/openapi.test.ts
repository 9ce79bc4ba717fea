import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { BEARER, json, randomChannel, startServer, type TestServer } from './support/server.js';

interface Operation {
  readonly summary?: string;
  readonly security?: object[];
  readonly responses: Record<string, { description: string; content?: Record<string, { schema: object }> }>;
}
interface Description {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, Operation>>;
}

const describeServer = async (server: TestServer) =>
  (await (await fetch(`${server.origin}/events/v1/openapi.json`)).json()) as Description;

it('is valid OpenAPI 3.1, complete with summaries and errors', async () => {
  const description = await describeServer(await startServer());
  expect(description.openapi).toBe('3.1.0');
  expect(
    await new Validator().validate(structuredClone(description) as unknown as Record<string, unknown>),
  ).toMatchObject({ valid: true });
  const operations = Object.entries(description.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ name: `${method} ${path}`, operation })),
  );
  expect(operations.map(({ name }) => name).sort()).toEqual([
    'delete /events/v1/channels',
    'delete /events/v1/consumers',
    'delete /events/v1/groups',
    'get /events/v1/about',
    'get /events/v1/channels',
    'get /events/v1/consumers',
    'get /events/v1/cursors',
    'get /events/v1/events',
    'get /events/v1/groups',
    'get /events/v1/indices',
    'get /events/v1/indices/{indexId}/{indexValue}',
    'get /events/v1/latest',
    'get /events/v1/ping/{token}',
    'get /health/live',
    'get /health/ready',
    'get /metrics',
    'head /events/v1/ping/{token}',
    'post /events/v1/appends',
    'post /events/v1/channels/trim',
    'post /events/v1/cursors',
    'post /events/v1/events',
    'post /events/v1/groups/receive',
    'post /events/v1/groups/redrive',
    'post /events/v1/groups/settle',
    'post /events/v1/indices',
    'post /events/v1/redactions',
    'post /events/v1/streams',
    'put /events/v1/groups',
  ]);
  for (const { name, operation } of operations) {
    expect(operation.summary, name).toBeTruthy();
    expect(operation.security, name).toBeDefined();
    if (operation.security?.length)
      expect(Object.keys(operation.responses), name).toEqual(expect.arrayContaining(['200', '401', '503']));
  }
});

it('is beside an AsyncAPI document, which is linked from the page', async () => {
  const server = await startServer();
  const { info } = (await describeServer(server)) as unknown as { info: { description: string } };
  const [, link = ''] = /\[AsyncAPI\]\(([^)]+)\)/.exec(info.description) ?? [];
  const response = await fetch(server.origin + link);
  expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
  const { asyncapi, channels } = (await response.json()) as { asyncapi: string; channels: object };
  expect([asyncapi, Object.keys(channels)]).toEqual(['3.0.0', ['events', 'appends', 'streams', 'work']]);
});

describe('every documented operation', () => {
  const event = { clientId: 'c', from: 'f', type: 't', data: { name: 'alice' } };

  it('answers as its schema says, errors too', async () => {
    const server = await startServer();
    const { paths } = await describeServer(server);
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    const called = new Set<string>();
    const call = async (
      method: string,
      template: string,
      path: string,
      status: number,
      init: RequestInit = {},
    ) => {
      const response = await fetch(server.origin + path, {
        ...init,
        method,
        headers: { ...BEARER, ...(init.headers as object) },
      });
      const text = await response.text();
      expect(response.status, `${method} ${path}: ${text}`).toBe(status);
      const documented = paths[template]?.[method.toLowerCase()]?.responses[String(status)];
      expect(documented, `${method} ${template} ${status}`).toBeDefined();
      const schema = documented?.content?.['application/json']?.schema;
      if (schema && method !== 'HEAD') {
        const value: unknown = response.headers.get('content-type')?.startsWith('application/json')
          ? JSON.parse(text)
          : text;
        expect(ajv.validate(schema, value), `${method} ${path}: ${ajv.errorsText()} in ${text}`).toBe(true);
      }
      called.add(`${method.toLowerCase()} ${template}`);
    };

    const channel = randomChannel();
    const p = '/events/v1';
    const events = `${p}/events`;
    await call('POST', events, events, 200, json({ ...event, channel }));
    await call('POST', events, events, 200, json({ clientId: 'c', channel, events: [event, event] }));
    await call('POST', events, events, 400, json({ ...event }));
    await call('POST', events, events, 401, {
      ...json({ ...event, channel }),
      headers: { 'Content-Type': 'application/json', Authorization: 'none' },
    });
    await call(
      'POST',
      events,
      events,
      413,
      json({ ...event, channel, data: { text: 'x'.repeat(1_100_000) } }),
    );
    await call('POST', events, events, 415, { body: 'x', headers: { 'Content-Type': 'text/plain' } });
    await call('POST', events, events, 409, json({ ...event, channel, expectedLastId: 1 }));
    const metadata = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' };
    await call('POST', events, events, 200, json({ ...event, channel, metadata }));
    const appends = `${p}/appends`;
    const entries = [
      { channel, events: [event], key: 'a' },
      { channel },
      { channel, events: [event], expectedLastId: 0 },
    ];
    await call('POST', appends, appends, 200, json({ clientId: 'c', appends: entries }));
    await call('POST', appends, appends, 400, json({ clientId: 'c', appends: [] }));
    await call('POST', appends, appends, 413, json({ clientId: 'c', appends: Array(1_001).fill(0) }));
    const cursors = { clientId: 'c', cursors: [{ channel, after: 1 }, { channel }] };
    for (const path of [`${p}/cursors`, `${p}/streams`]) {
      if (path === `${p}/cursors`) await call('POST', path, path, 200, json(cursors));
      await call('POST', path, path, 400, json({ clientId: 'c', cursors: [] }));
      await call('POST', path, path, 413, json({ clientId: 'c', cursors: Array(10_001).fill(0) }));
    }
    const found = `${p}/cursors`;
    await call('GET', found, `${found}?channel=${channel}&time=1`, 200);
    await call('GET', found, `${found}?channel=${channel}&time=2999-01-01`, 200);
    await call('GET', found, `${found}?channel=${channel}`, 400);
    const keyed = (data: object) => {
      const init = json({ ...event, channel, data });
      return { ...init, headers: { ...(init.headers as object), 'Idempotency-Key': 'k' } };
    };
    await call('POST', events, events, 200, keyed({ n: 1 }));
    await call('POST', events, events, 422, keyed({ n: 2 }));
    await call('GET', events, `${events}?clientId=c&channel=${channel}&after=0`, 200);
    await call('GET', events, `${events}?clientId=c&channel=${channel}&after=x`, 400);
    await call('GET', `${p}/latest`, `${p}/latest?channel=${channel}&limit=2&before=3`, 200);
    await call('GET', `${p}/latest`, `${p}/latest`, 400);
    const group = { channel, group: 'g' };
    const groups = `${p}/groups`;
    await call('PUT', groups, groups, 201, json({ ...group, order: 'type' }));
    await call('PUT', groups, groups, 200, json({ ...group, order: 'type', deadLetters: 'x' }));
    await call('PUT', groups, groups, 409, json(group));
    await call('PUT', groups, groups, 400, json({ ...group, leaseMs: 0 }));
    const settle = { acknowledge: [{ id: 1, token: 'x' }, 7] };
    const receive = { ...group, clientId: 'c', limit: 1, timeout: 0, settle };
    await call('POST', `${groups}/receive`, `${groups}/receive`, 200, json(receive));
    await call('POST', `${groups}/receive`, `${groups}/receive`, 400, json(group));
    await call('POST', `${groups}/settle`, `${groups}/settle`, 200, json({ ...group, ...settle }));
    await call('POST', `${groups}/settle`, `${groups}/settle`, 404, json({ channel, group: 'unknown' }));
    const tooMany = { ...group, acknowledge: Array(10_001).fill(0) };
    await call('POST', `${groups}/settle`, `${groups}/settle`, 413, json(tooMany));
    await call('GET', groups, `${groups}?channel=${channel}`, 200);
    await call('POST', `${groups}/redrive`, `${groups}/redrive`, 200, json(group));
    await call('POST', `${groups}/redrive`, `${groups}/redrive`, 404, json({ channel, group: 'unknown' }));
    await call('DELETE', groups, `${groups}?channel=${channel}&group=g`, 200);
    await call('DELETE', groups, `${groups}?channel=${channel}&group=g`, 404);
    const index = { id: 'names', channel, field: 'data.name' };
    await call('POST', `${p}/indices`, `${p}/indices`, 200, json(index));
    await call('POST', `${p}/indices`, `${p}/indices`, 409, json({ ...index, field: 'type' }));
    await call('GET', `${p}/indices`, `${p}/indices`, 200);
    const indexed = `${p}/indices/{indexId}/{indexValue}`;
    await call('GET', indexed, `${p}/indices/names/alice`, 200);
    await call('GET', indexed, `${p}/indices/unknown/alice`, 404);
    await call('GET', `${p}/channels`, `${p}/channels?prefix=${channel}&limit=1`, 200);
    await call('GET', `${p}/channels`, `${p}/channels?limit=0`, 400);
    await call('GET', `${p}/consumers`, `${p}/consumers?channel=${channel}`, 200);
    await call('GET', `${p}/consumers`, `${p}/consumers`, 400);
    const redactions = `${p}/redactions`;
    await call('POST', redactions, redactions, 200, json({ channel, ids: [1, 999] }));
    await call('POST', redactions, redactions, 404, json({ channel: randomChannel(), ids: [1] }));
    await call('POST', redactions, redactions, 400, json({ channel, ids: [] }));
    await call('GET', events, `${events}?clientId=c&channel=${channel}&after=0`, 200);
    const trim = `${p}/channels/trim`;
    await call('POST', trim, trim, 200, json({ channel, before: 2 }));
    await call('POST', trim, trim, 404, json({ channel: randomChannel(), before: 2 }));
    await call('POST', trim, trim, 400, json({ channel, before: 'yesterday' }));
    for (const path of [`${p}/consumers`, `${p}/channels`]) {
      await call('DELETE', path, `${path}?clientId=c&channel=${channel}`, 200);
      await call('DELETE', path, `${path}?clientId=c&channel=${randomChannel()}`, 404);
      await call('DELETE', path, path, 400);
    }
    await call('GET', `${p}/ping/{token}`, `${p}/ping/x`, 200);
    await call('HEAD', `${p}/ping/{token}`, `${p}/ping/x`, 200);
    await call('GET', `${p}/about`, `${p}/about`, 200);
    await call('GET', '/health/live', '/health/live', 200);
    await call('GET', '/health/ready', '/health/ready', 200);
    await call('GET', '/metrics', '/metrics', 200);

    const documented = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((m) => `${m} ${path}`),
    );
    expect([...called].sort()).toEqual(documented.sort());
  });
});

it('has a page to read it, which loads nothing from elsewhere', async () => {
  const server = await startServer();
  const seen = new Set<string>();
  const load = async (path: string) => {
    if (seen.has(path)) return;
    seen.add(path);
    const response = await fetch(server.origin + path);
    expect(response.status, path).toBe(200);
    expect(response.headers.get('content-security-policy'), path).toMatch(
      /^default-src 'none'; script-src 'self'; /,
    );
    expect(response.headers.get('x-content-type-options'), path).toBe('nosniff');
    const html = await response.text();
    if (!response.headers.get('content-type')?.startsWith('text/html')) return;
    for (const [, target = ''] of html.matchAll(/(?:src|href)="([^"]+)"/g)) {
      const url = new URL(target, server.origin + path);
      expect(url.origin, target).toBe(server.origin);
      await load(url.pathname);
    }
  };
  await load('/events/v1/docs');
  expect(seen.size).toBeGreaterThan(3);
});
