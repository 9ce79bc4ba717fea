import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TemporaryFolder } from '@ganomede/events-testing';
import { jwtVerify } from 'jose';
import { describe, expect, it } from 'vitest';
import { BIN, useCli } from './support/cli.js';

const cli = useCli();
const SECRET = 'a secret of at least thirty-two bytes';
const RIGHTS = [
  '--actions',
  'read,observe',
  '--channels',
  'orders/*,users',
  '--issuer',
  'shop',
  '--audience',
  'events',
];
const EXPECTED = {
  issuer: 'shop',
  audience: 'events',
  typ: 'at+jwt',
  requiredClaims: ['sub', 'exp', 'iat', 'jti', 'client_id'],
};

const pemOf = ({ privateKey }: { privateKey: KeyObject }) =>
  String(privateKey.export({ type: 'pkcs8', format: 'pem' }));

const env = () => ({ HOME: cli().home.path, TOKEN_SECRET: SECRET });

describe('token', () => {
  it('mints one with TOKEN_SECRET, for as long as is said, and needs no server', async () => {
    const args = [
      'token',
      ...RIGHTS,
      '--expires',
      '2h',
      '--client-ids',
      'page',
      '--groups',
      'mailers',
      '--subject',
      'shop-page',
    ];
    const { code, stdout, stderr } = await cli().run(args, { env: env() });
    expect([code, stderr]).toEqual([0, 'It allows to read, observe on orders/*, users, for 2 h.\n']);
    const { payload } = await jwtVerify(stdout.trim(), Buffer.from(SECRET), {
      ...EXPECTED,
      algorithms: ['HS256'],
    });
    expect(payload.authorization_details).toEqual([
      {
        type: 'ganomede-events',
        actions: ['read', 'observe'],
        channels: ['orders/*', 'users'],
        clientIds: ['page'],
        groups: ['mailers'],
      },
    ]);
    expect(payload.sub).toBe('shop-page');
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(7_200);
  });

  it('is for a server as it comes, or as the variables of the server say', async () => {
    const args = ['token', '--actions', 'read', '--channels', 'orders'];
    for (const [variables, issuer, audience] of [
      [{}, 'ganomede-events', 'ganomede-events'],
      [{ TOKEN_ISSUER: '', TOKEN_AUDIENCE: '' }, 'ganomede-events', 'ganomede-events'],
      [{ TOKEN_ISSUER: 'shop', TOKEN_AUDIENCE: 'events' }, 'shop', 'events'],
    ] as const) {
      const { stdout } = await cli().run(args, { env: { ...env(), ...variables } });
      await jwtVerify(stdout.trim(), Buffer.from(SECRET), { ...EXPECTED, issuer, audience });
    }
  });

  it.each<[string, () => { privateKey: KeyObject; publicKey: KeyObject }]>([
    ['RS256', () => generateKeyPairSync('rsa', { modulusLength: 2048 })],
    ['ES256', () => generateKeyPairSync('ec', { namedCurve: 'P-256' })],
    ['EdDSA', () => generateKeyPairSync('ed25519')],
  ])('mints one with a private key, as PEM and as JWK: %s', async (algorithm, generate) => {
    const { privateKey, publicKey } = generate();
    using folder = new TemporaryFolder();
    const pem = join(folder.path, 'key.pem');
    writeFileSync(pem, privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const jwk = join(folder.path, 'key.json');
    writeFileSync(jwk, JSON.stringify({ ...privateKey.export({ format: 'jwk' }), kid: 'of the jwk' }));
    for (const [args, kid] of [
      [['--key', pem, '--key-id', 'k'], 'k'],
      [['--key', jwk], 'of the jwk'],
    ] as const) {
      const [minted] = (await cli().json(['token', ...RIGHTS, ...args], { env: env() })) as {
        token: string;
      }[];
      const { protectedHeader } = await jwtVerify(minted?.token ?? '', publicKey, {
        ...EXPECTED,
        algorithms: [algorithm],
      });
      expect(protectedHeader.kid).toBe(kid);
    }
  });

  it.each<[string, string[], Record<string, string>, RegExp]>([
    ['nothing to sign with', RIGHTS, {}, /set TOKEN_SECRET, or name a private key with --key/],
    ['a secret that can be guessed', RIGHTS, { TOKEN_SECRET: 'short' }, /at least 32 bytes/],
    ['no rights', [], { TOKEN_SECRET: SECRET }, /--actions/],
    ['an unknown action', [...RIGHTS, '--actions', 'write'], { TOKEN_SECRET: SECRET }, /no action "write"/],
    ['a key that is none', [...RIGHTS, '--key', BIN], {}, /expected a private key/],
    ['a key that is not there', [...RIGHTS, '--key', '/no/such'], {}, /ENOENT/],
    ['an issuer that is empty', [...RIGHTS, '--issuer', ''], { TOKEN_SECRET: SECRET }, /not empty/],
  ])('refuses %s', async (_what, args, variables, message) => {
    const { code, stdout, stderr } = await cli().run(['token', ...args], {
      env: { HOME: cli().home.path, ...variables },
    });
    expect([code === 0, stdout, stderr]).toEqual([false, '', expect.stringMatching(message)]);
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  it.each<[string, () => string, RegExp]>([
    [
      'an RSA key that is too short',
      () => pemOf(generateKeyPairSync('rsa', { modulusLength: 1024 })),
      /key cannot be used: expected an RSA key of at least 2048 bits, got 1024\.\n$/,
    ],
    [
      'a key of another curve',
      () => pemOf(generateKeyPairSync('ec', { namedCurve: 'P-384' })),
      /key cannot be used: expected an RSA, P-256 or Ed25519 key\.\n$/,
    ],
    [
      'a key for RSA-PSS alone',
      () => pemOf(generateKeyPairSync('rsa-pss', { modulusLength: 2048 })),
      /key cannot be used: expected an RSA, P-256 or Ed25519 key\.\n$/,
    ],
    [
      'a key whose halves do not belong together',
      () => {
        const [one, other] = [1, 2].map(() => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
        return JSON.stringify({ ...one?.export({ format: 'jwk' }), d: other?.export({ format: 'jwk' }).d });
      },
      /key cannot be used: expected a key for ES256\.\n$/,
    ],
  ])('refuses %s', async (_what, generate, message) => {
    using folder = new TemporaryFolder();
    const file = join(folder.path, 'key');
    writeFileSync(file, generate());
    const { code, stdout, stderr } = await cli().run(['token', ...RIGHTS, '--key', file], { env: env() });
    expect([code, stdout, stderr]).toEqual([2, '', expect.stringMatching(message)]);
    expect(stderr.split('\n')).toHaveLength(2);
  });
});
