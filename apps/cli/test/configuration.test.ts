import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { freePort, TemporaryFolder } from '@ganomede/events-testing';
import { describe, expect, it } from 'vitest';
import pkg from '../package.json' with { type: 'json' };
import { SECRET, useCli } from './support/cli.js';

const cli = useCli();

/** A home with a profile file. */
function homeWith(profiles: unknown, mode = 0o600): TemporaryFolder {
  const home = new TemporaryFolder();
  const folder = join(home.path, '.config', 'ganomede-events');
  mkdirSync(folder, { recursive: true });
  const text = typeof profiles === 'string' ? profiles : JSON.stringify(profiles);
  writeFileSync(join(folder, 'profiles.json'), text, { mode });
  return home;
}

describe('the command', () => {
  it('explains itself, and each of its commands', async () => {
    const { code, stdout } = await cli().run(['--help']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Usage: ganomede-events/);
    for (const text of ['GANOMEDE_EVENTS_URL', 'API_SECRET', 'profiles.json', 'Exit codes', 'tail']) {
      expect(stdout).toContain(text);
    }
    expect(stdout).not.toContain('__complete');
    const tail = await cli().run(['tail', '--help']);
    expect(tail.stdout).toMatch(/--until-end[\s\S]*Global Options:[\s\S]*--json/);
    expect((await cli().run(['--version'])).stdout).toBe(`${pkg.version}\n`);
  });

  it.each([
    ['no command', []],
    ['an unknown command', ['tale', 'orders']],
    ['an unknown option', ['tail', 'orders', '--untilend']],
    ['a missing argument', ['tail']],
    ['an argument too many', ['latest', 'a', 'b']],
    ['a time that is none', ['tail', 'orders', '--since', 'soon']],
    ['two beginnings', ['tail', 'orders', '--since', '1h', '--after', '1']],
  ])('refuses %s with a sentence', async (_what, args) => {
    const { code, stdout, stderr } = await cli().run(args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^(error: |Usage: )/);
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});

describe('the server and its secret', () => {
  it('are asked for if nothing says them', async () => {
    const { HOME = '' } = cli().env;
    const { code, stderr } = await cli().run(['channels'], { env: { HOME } });
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/^There is no secret.*API_SECRET.*profiles\.json\.\n$/),
    ]);
  });

  it('come from the environment, and from the default profile what that does not say', async () => {
    using home = homeWith({ default: { url: cli().url, secret: SECRET } });
    expect(await cli().json(['channels', 'none'], { env: { HOME: home.path } })).toEqual([]);
    const { code } = await cli().run(['channels'], { env: { HOME: home.path, API_SECRET: 'another' } });
    expect(code, 'the environment goes before the default').toBe(3);
  });

  it('come from a profile that is asked for before the environment', async () => {
    using home = homeWith({ tests: { url: cli().url, token: SECRET } });
    const env = { HOME: home.path, API_SECRET: 'another', GANOMEDE_EVENTS_URL: 'http://127.0.0.1:1' };
    expect(await cli().json(['channels', 'none', '--profile', 'tests'], { env })).toEqual([]);
    expect(
      await cli().json(['channels', 'none'], { env: { ...env, GANOMEDE_EVENTS_PROFILE: 'tests' } }),
    ).toEqual([]);
    const other = await cli().run(['channels', '--profile', 'other'], { env });
    expect([other.code, other.stderr]).toEqual([
      2,
      expect.stringMatching(/no profile other in .*it has: tests/),
    ]);
  });

  it('are a token in a header alone, whatever the server says', async () => {
    const asked: string[] = [];
    // As the original refuses, which looks for a secret in the query alone.
    const server = createServer((request, response) => {
      asked.push(`${request.url} ${request.headers.authorization}`);
      response.writeHead(401, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ code: 'InvalidCredentialsError', message: 'Invalid credentials' }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const env = { HOME: cli().home.path, GANOMEDE_EVENTS_TOKEN: 'a.signed.token' };
    const { code } = await cli().run(['latest', 'orders', '--url', url], { env });
    server.close();
    expect(code).toBe(3);
    expect(asked).toEqual([expect.stringMatching(/^[^ ]*\/latest\?[^ ]* Bearer a\.signed\.token$/)]);
    expect(asked[0]?.split(' ')[0]).not.toContain('signed');
  });

  it('are looked for below XDG_CONFIG_HOME, if there is one', async () => {
    using home = homeWith({ default: { url: cli().url, secret: SECRET } });
    const env = { HOME: '/nowhere', XDG_CONFIG_HOME: join(home.path, '.config') };
    expect(await cli().json(['channels', 'none'], { env })).toEqual([]);
  });

  it('warn of a file that others can read', async () => {
    using home = homeWith({ default: { url: cli().url, secret: SECRET } }, 0o644);
    const { code, stderr } = await cli().run(['channels', 'none'], { env: { HOME: home.path } });
    expect(code).toBe(0);
    expect(stderr).toMatch(/profiles\.json holds secrets and others may read it.*chmod 600/);
  });

  it.each([
    ['no JSON', '{"default": {"secret": "not to be told"', /expected JSON such as/],
    ['a list', [], /expected an object of profiles/],
    ['an unknown field', { default: { secrets: 'not to be told' } }, /profile default: expected/],
    [
      'two credentials',
      { default: { secret: 'not to be told', token: 't' } },
      /a secret or a token, got both/,
    ],
  ])('refuse a file with %s, without repeating what is in it', async (_what, profiles, message) => {
    using home = homeWith(profiles);
    const { code, stderr } = await cli().run(['channels'], { env: { HOME: home.path } });
    expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
    expect(stderr).not.toContain('not to be told');
  });

  it.each([
    ['nonsense', /expected a URL/],
    ['ftp://events.example', /http or https/],
    ['http://user:password@events.example', /no user name or password/],
  ])('refuse the address %s', async (url, message) => {
    const { code, stderr } = await cli().run(['channels', '--url', url]);
    expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
    expect(stderr).not.toContain('password@');
  });
});

describe('what a failure ends with', () => {
  it('3 if the secret is refused', async () => {
    const env = { ...cli().env, API_SECRET: 'another' };
    const { code, stderr } = await cli().run(['channels'], { env });
    expect(code).toBe(3);
    expect(stderr).toMatch(
      /^http:\/\/127\.0\.0\.1:\d+ does not take this secret or token: .*Check API_SECRET/,
    );
    expect(stderr).not.toContain('another');
  });

  it.each([[['channels']], [['send', 'orders', 'paid']]])(
    '5 if the server cannot be reached, soon: %j',
    async (args) => {
      const url = `http://127.0.0.1:${await freePort()}`;
      const { code, stderr } = await cli().run([...args, '--url', url]);
      expect([code, stderr]).toEqual([
        5,
        expect.stringMatching(/^Cannot reach .* \(ECONNREFUSED\): is the server running/),
      ]);
    },
  );

  it('2 if something else answers there, whose page is not shown', async () => {
    const server = createServer((_request, response) => response.writeHead(404).end('<!doctype html>\n<p>'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const failed = await cli().run(['channels', '--url', url]);
    server.close();
    expect([failed.code, failed.stderr]).toEqual([
      2,
      `${url} does not answer as a Ganomede Events server does (status 404): is the address right? (--url, GANOMEDE_EVENTS_URL or a profile)\n`,
    ]);
  });

  it.each([
    [403, 'insufficient_scope', 3],
    [404, 'ResourceNotFound', 4],
    [409, 'Conflict', 1],
  ])('%i %s: %i', async (status, code, expected) => {
    // A server that refuses everything, since ours refuses little.
    const server = createServer((_request, response) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ code, message: 'because of \u001b[2J' }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const failed = await cli().run(['channels', '--url', url]);
    server.close();
    expect([failed.code, failed.stderr]).toEqual([
      expected,
      expect.stringContaining('because of \\u001b[2J.'),
    ]);
  });
});
