import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { json, randomChannel, SECRET, startServer, type TestServer } from './support/server.js';

const CONTROL = 'a\u0000b';
const LONG = 'x'.repeat(257);
const NAMES = [undefined, '', 42, null, ['a'], { a: 1 }, CONTROL, LONG, '\ud800'];
const TEXTS = [undefined, '', 42, null, true, ['a'], { a: 1 }];
const DATA = ['text', 42, true, null, ''];

const JSON_TYPE = { 'Content-Type': 'application/json' };

const event = { clientId: 'c', channel: 'bad-input', from: 'f', type: 't', data: { a: 1 } };

async function expectRefusal(
  response: Response,
  status: number,
  code: string,
  message: string,
): Promise<void> {
  const body = (await response.json()) as { code: string; message: string };
  expect({ status: response.status, ...body }).toEqual({
    status,
    code,
    message: expect.stringMatching(new RegExp(`^${message}`)),
  });
  expect(Object.keys(body)).toEqual(['code', 'message']);
  expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
  expect(response.headers.get('x-request-id')).toBeTruthy();
}

/** Whatever was refused before: nothing is stored, no cursor has moved, and the server goes on. */
async function expectUntouched(server: TestServer): Promise<void> {
  for (const channel of ['bad-input', CONTROL]) {
    expect(await server.store.read({ channel, after: 0, limit: 1 })).toMatchObject({ count: 0, lastId: 0 });
  }
  expect(await server.store.loadCursor('c', 'bad-input')).toMatchObject({ after: 7 });
  const channel = randomChannel();
  expect(await server.publish(channel)).toMatchObject({ id: 1 });
  expect(await server.read(channel)).toHaveLength(1);
}

async function startUntouched(): Promise<TestServer> {
  const server = await startServer();
  await server.store.saveCursor('c', 'bad-input', 7);
  return server;
}

describe('a publish with a bad field', () => {
  it.each([
    ['clientId', 'Invalid Client ID', NAMES],
    ['channel', 'Invalid Channel', NAMES],
    ['from', 'Invalid from', TEXTS],
    ['type', 'Invalid type', TEXTS],
    ['data', 'Invalid data', DATA],
  ])('%s is answered with %s', async (field, message, values) => {
    const server = await startUntouched();
    for (const value of values) {
      const response = await server.fetch('/events', json({ ...event, [field]: value }));
      await expectRefusal(response, 400, 'InvalidContent', `${message}: expected .+, got .+`);
    }
    await expectUntouched(server);
  });
});

describe('a read with a bad parameter', () => {
  const numbers = [
    '',
    ' ',
    'abc',
    '-1',
    '1e3',
    '1.5',
    '0x10',
    '01',
    ' 1',
    '+1',
    'NaN',
    'Infinity',
    '9007199254740993',
    '1&N=1',
  ];
  it.each([
    ['clientId', 'Invalid Client ID', ['', LONG, '%00', 'a&clientId=b']],
    ['channel', 'Invalid Channel', ['', LONG, '%0a', 'a&channel=b']],
    ['after', 'Invalid after', numbers],
    ['limit', 'Invalid limit', [...numbers, '0']],
    ['timeout', 'Invalid timeout', numbers],
  ])('%s is answered with %s', async (name, message, values) => {
    const server = await startUntouched();
    for (const value of values) {
      const query = { clientId: 'c', channel: 'bad-input', after: '3', [name]: value.replace('N', name) };
      const response = await server.fetch(
        `/events?${Object.entries(query)
          .map((pair) => pair.join('='))
          .join('&')}`,
      );
      await expectRefusal(response, 400, 'InvalidContent', `${message}: expected .+, got .+`);
    }
    await expectUntouched(server);
  });

  it('is answered where it is missing', async () => {
    const server = await startUntouched();
    await expectRefusal(
      await server.fetch('/events?channel=x'),
      400,
      'InvalidContent',
      'Invalid Client ID: .* got nothing',
    );
    await expectRefusal(
      await server.fetch('/events?clientId=x'),
      400,
      'InvalidContent',
      'Invalid Channel: .* got nothing',
    );
    await expectUntouched(server);
  });
});

describe('a body that cannot be used', () => {
  const start = JSON.stringify(event).slice(0, -1);
  it.each([
    ['no JSON', 'nonsense', 'Invalid JSON'],
    ['cut JSON', start, 'Invalid JSON'],
    ['empty', '', 'Invalid JSON'],
    ['__proto__', `${start},"__proto__":{"from":"x"}}`, 'Invalid JSON'],
    ['__proto__ inside', `${start},"data":{"__proto__":{"from":"x"}}}`, 'Invalid JSON'],
    ['constructor.prototype', `${start},"data":{"constructor":{"prototype":{"x":1}}}}`, 'Invalid JSON'],
    ['an array', '[]', 'Invalid body: expected a JSON object, got an array'],
    ['a text', '"text"', 'Invalid body: expected a JSON object, got "text"'],
    ['null', 'null', 'Invalid body: expected a JSON object, got null'],
  ])('%s', async (_name, body, message) => {
    const server = await startUntouched();
    const init = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body };
    await expectRefusal(await server.fetch('/events', init), 400, 'InvalidContent', message);
    await expectUntouched(server);
  });

  it('nested too deeply, or stored as it came: the limit is that of Node.js, which has none from 26 on', async () => {
    const server = await startUntouched();
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    const body = `${start},"data":${deep}}`;
    const response = await server.fetch('/events', { method: 'POST', headers: JSON_TYPE, body });
    if (response.status !== 200) {
      await expectRefusal(response, 400, 'InvalidContent', 'Invalid data: .*nested too deeply');
      await expectUntouched(server);
    } else {
      const page = await server.fetch(`/events?clientId=c&channel=${event.channel}&after=0`);
      expect(await page.text()).toContain(`"data":${deep}}`);
    }
  });

  it('missing, with a Content-Type and no length', async () => {
    const server = await startUntouched();
    const socket = connect(server.port, '127.0.0.1');
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk;
    });
    const head = ['POST /events/v1/events HTTP/1.1', 'Host: x', 'Content-Type: application/json'];
    socket.write([...head, `Authorization: Bearer ${SECRET}`, 'Connection: close', '', ''].join('\r\n'));
    await new Promise((resolve) => socket.once('close', resolve));
    expect(answer).toMatch(/^HTTP\/1.1 400 [\s\S]*"code":"InvalidContent","message":"Invalid JSON/);
    await expectUntouched(server);
  });

  it('__proto__ in the data of a form', async () => {
    const server = await startUntouched();
    const form = new URLSearchParams({ ...event, data: '{"__proto__":{"from":"x"}}' });
    const response = await server.fetch('/events', { method: 'POST', body: form });
    await expectRefusal(response, 400, 'InvalidContent', 'Invalid JSON: .*"__proto__"');
    await expectUntouched(server);
  });

  it('too large', async () => {
    const server = await startUntouched();
    const large = { ...event, data: { text: 'x'.repeat(1024 * 1024) } };
    await expectRefusal(await server.fetch('/events', json(large)), 413, 'PayloadTooLarge', 'Invalid body');
    await expectUntouched(server);
  });

  it('of an unknown type', async () => {
    const server = await startUntouched();
    for (const type of ['text/plain', 'application/xml', 'application/octet-stream', 'nonsense']) {
      const init = { method: 'POST', headers: { 'Content-Type': type }, body: JSON.stringify(event) };
      await expectRefusal(
        await server.fetch('/events', init),
        415,
        'UnsupportedMediaType',
        'Invalid Content-Type',
      );
    }
    await expectUntouched(server);
  });

  it('a number that JSON cannot hold', async () => {
    const server = await startUntouched();
    const digits = '9'.repeat(309);
    for (const number of ['1e9999', '-1E+0309', '1.5e400', digits, `${'9'.repeat(250)}e99`]) {
      for (const data of [`{"a":[1,{"b":${number}}]}`, `[${number}]`]) {
        const init = { method: 'POST', headers: JSON_TYPE, body: `${start.replace('{"a":1}', data)}}` };
        const message = 'Invalid JSON: expected numbers up to 1.8e308';
        await expectRefusal(await server.fetch('/events', init), 400, 'InvalidContent', message);
      }
      const form = new URLSearchParams({ ...event, data: `[${number}]` });
      const response = await server.fetch('/events', { method: 'POST', body: form });
      await expectRefusal(response, 400, 'InvalidContent', 'Invalid JSON: expected numbers up to 1.8e308');
    }
    await expectUntouched(server);
    // What only looks like one.
    const data = { text: `1e9999 ${digits}`, most: Number.MAX_VALUE, tiny: 5e-324 };
    expect((await server.fetch('/events', json({ ...event, data }))).status).toBe(200);
    expect(await server.read('bad-input', { after: 0 })).toMatchObject([{ data }]);
  });

  it.each([
    ['not UTF-8', {}, 400, 'InvalidContent', 'Invalid body: expected UTF-8'],
    [
      'in another charset',
      { 'Content-Type': 'application/json; charset=latin1' },
      415,
      'UnsupportedMediaType',
      'Invalid charset: expected utf-8, got "latin1"',
    ],
    [
      'compressed',
      { 'Content-Encoding': 'gzip' },
      415,
      'UnsupportedMediaType',
      'Invalid Content-Encoding: expected none, got "gzip"',
    ],
  ])('%s', async (_name, headers, status, code, message) => {
    const server = await startUntouched();
    const body = Buffer.from(`${start},"text":"\xe4"}`, 'latin1');
    const init = { method: 'POST', headers: { ...JSON_TYPE, ...headers }, body };
    await expectRefusal(await server.fetch('/events', init), status, code, message);
    const form = { ...JSON_TYPE, 'Content-Type': 'application/x-www-form-urlencoded', ...headers };
    await expectRefusal(await server.fetch('/events', { ...init, headers: form }), status, code, message);
    await expectUntouched(server);
  });

  it('that says it is UTF-8 is read', async () => {
    const server = await startServer();
    for (const charset of ['utf-8', 'UTF-8', '"utf8"']) {
      const headers = {
        'Content-Type': `application/json; charset=${charset}`,
        'Content-Encoding': 'identity',
      };
      const init = { method: 'POST', headers, body: JSON.stringify({ ...event, from: 'ä€' }) };
      expect((await server.fetch('/events', init)).status).toBe(200);
    }
  });

  it('cut in the middle of the message', async () => {
    const server = await startUntouched();
    const text = JSON.stringify({ ...event, secret: SECRET });
    const socket = connect(server.port, '127.0.0.1');
    socket.write(
      `POST /events/v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\n\r\n${text.slice(0, 50)}`,
    );
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.end();
    socket.resume();
    await closed;
    await expectUntouched(server);
  });
});

describe('what is no request of the protocol', () => {
  it('an unknown route, without its query', async () => {
    const server = await startUntouched();
    for (const path of ['/events/v1/nothing', '/events/v1/events/', '/nothing', '/events/v1']) {
      for (const method of ['GET', 'POST', 'DELETE']) {
        const body = method === 'POST' ? 'nonsense' : undefined;
        const init = { method, ...(body === undefined ? {} : { body, headers: { 'Content-Type': 'x/y' } }) };
        const response = await fetch(`${server.origin}${path}?secret=${SECRET}`, init);
        await expectRefusal(response, 404, 'ResourceNotFound', `${path} does not exist$`);
      }
    }
    await expectUntouched(server);
  });

  it('a known route with another method', async () => {
    const server = await startUntouched();
    for (const [path, method, allow] of [
      ['/events/v1/events', 'DELETE', 'POST, GET'],
      ['/events/v1/events', 'PUT', 'POST, GET'],
      ['/events/v1/ping/x', 'POST', 'GET, HEAD'],
      ['/about', 'POST', 'GET'],
    ] as const) {
      const body =
        method === 'DELETE' ? {} : { body: 'nonsense', headers: { 'Content-Type': 'application/json' } };
      const response = await fetch(server.origin + path, { method, ...body });
      expect(response.headers.get('allow')).toBe(allow);
      await expectRefusal(response, 405, 'MethodNotAllowed', method);
    }
    expect((await server.fetch('/events', { method: 'HEAD' })).status).toBe(405);
    await expectUntouched(server);
  });

  it('a path that cannot be decoded', async () => {
    const server = await startUntouched();
    await expectRefusal(await server.fetch('/ping/%zz'), 400, 'InvalidContent', 'Invalid URL');
    await expectUntouched(server);
  });

  it.each([
    ['no HTTP', 'nonsense\r\n\r\n', '400', 'InvalidContent'],
    [
      'headers too large',
      `GET /about HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
      '431',
      'RequestHeaderFieldsTooLarge',
    ],
  ])('%s', async (_name, message, status, code) => {
    const server = await startUntouched();
    const socket = connect(server.port, '127.0.0.1');
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk;
    });
    socket.write(message);
    await new Promise((resolve) => socket.once('close', resolve));
    expect(answer).toMatch(
      new RegExp(
        `^HTTP/1.1 ${status} [\\s\\S]*X-Request-Id: [\\s\\S]*\\{"code":"${code}","message":".+"\\}$`,
      ),
    );
    await expectUntouched(server);
  });
});
