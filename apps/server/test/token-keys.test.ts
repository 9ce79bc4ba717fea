import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { buildApp } from '@ganomede/events-server';
import { openMemoryStore } from '@ganomede/events-store/memory';
import { TemporaryFolder } from '@ganomede/events-testing';
import { exportJWK, generateKeyPair } from 'jose';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { createLogger } from '../src/process/logger.js';
import { startServer, type TestServer } from './support/server.js';
import { claims, mint, rights, TOKEN_SECRET } from './support/tokens.js';

/** So that a key set need not be waited for. */
afterEach(() => void vi.useRealTimers());
const pass = (ms: number) => vi.advanceTimersByTime(ms);
const stopTheClock = () => vi.useFakeTimers({ toFake: ['performance'] });

const READ = claims(rights(['read']));

type Key = Parameters<typeof mint>[1];

class Signer {
  readonly jwk: object;
  readonly #key: Key;
  readonly #header: { alg: string; kid: string };

  static async of(alg: string, kid: string): Promise<Signer> {
    const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
    return new Signer({ ...(await exportJWK(publicKey)), kid, alg }, privateKey, { alg, kid });
  }

  private constructor(jwk: object, key: Key, header: { alg: string; kid: string }) {
    this.jwk = jwk;
    this.#key = key;
    this.#header = header;
  }

  sign(): Promise<string> {
    return mint(READ, this.#key, this.#header);
  }
}

/** Publishes the keys of signers, over HTTP on this machine. */
class Publisher {
  signers: readonly Signer[];
  /** How often they were asked for. */
  count = 0;
  status = 200;
  /** Instead of keys. */
  text: string | undefined;
  /** While it is set, answers wait for it. */
  held: Promise<void> | undefined;
  /** Whether answers go on for ever behind that. */
  isEndless = false;
  /** How many of those were given up by whoever asked. */
  givenUp = 0;
  url = '';

  static async start(...signers: Signer[]): Promise<Publisher> {
    const publisher = new Publisher(signers);
    const server = createServer(async (_request, response) => {
      publisher.count += 1;
      await publisher.held;
      response.writeHead(publisher.status);
      const text = publisher.text ?? keysOf(publisher.signers);
      if (!publisher.isEndless) return void response.end(text);
      response.once('close', () => void publisher.givenUp++);
      const goOn = () => {
        while (!response.destroyed && response.write(' '.repeat(65_536)));
      };
      response.on('drain', goOn).write(text);
      goOn();
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    publisher.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`;
    onTestFinished(async () => {
      server.closeAllConnections();
      await once(server.close(), 'close');
    });
    return publisher;
  }

  private constructor(signers: readonly Signer[]) {
    this.signers = signers;
  }
}

const keysOf = (signers: readonly Signer[]) => JSON.stringify({ keys: signers.map(({ jwk }) => jwk) });

const read = async (server: TestServer, token: string) => {
  const response = await fetch(`${server.origin}/events/v1/latest?channel=a`, {
    headers: { Authorization: `Bearer ${token}` },
  });
  if (response.status === 200) return 200;
  const { code, message } = (await response.json()) as { code: string; message: string };
  return `${response.status} ${code}: ${message}`;
};

/** What a server does not start with says of it. */
const refusalOf = async (config: object): Promise<string> => {
  const store = await openMemoryStore();
  onTestFinished(() => store.close());
  const app = buildApp({ store, config: { apiSecret: 'x', ...config } });
  const refused = await Promise.allSettled([app.ready()]);
  await app.close();
  return String((refused[0] as PromiseRejectedResult).reason?.message);
};

const UNKNOWN = '401 InvalidToken: Invalid token: its key is not known here';

describe('keys at an address', () => {
  it('check tokens of RS256, ES256 and EdDSA, and of HS256 only with a secret', async () => {
    const signers = await Promise.all(['RS256', 'ES256', 'EdDSA'].map((alg) => Signer.of(alg, alg)));
    const { url } = await Publisher.start(...signers);
    const server = await startServer({ tokenJwks: url });
    for (const signer of signers) expect(await read(server, await signer.sign())).toBe(200);
    expect(await read(server, await mint(READ))).toMatch(/its algorithm is not accepted here$/);
    const both = await startServer({ tokenJwks: url, tokenSecret: TOKEN_SECRET });
    expect(await read(both, await mint(READ))).toBe(200);
    for (const signer of signers) expect(await read(both, await signer.sign())).toBe(200);
  });

  it('do not take a public key for a secret', async () => {
    const rsa = await Signer.of('RS256', 'r');
    const { url } = await Publisher.start(rsa);
    const server = await startServer({ tokenJwks: url, tokenSecret: TOKEN_SECRET });
    const forged = await mint(READ, new TextEncoder().encode(JSON.stringify(rsa.jwk)), {
      alg: 'HS256',
      kid: 'r',
    });
    expect(await read(server, forged)).toMatch(/its signature is wrong$/);
    const other = await Signer.of('ES384', 'r');
    expect(await read(server, await other.sign())).toMatch(/its algorithm is not accepted here$/);
  });

  it('are read again if a token names an unknown one, at most once in a while', async () => {
    stopTheClock();
    const [first, second, unknown] = await Promise.all(['1', '2', '3'].map((kid) => Signer.of('ES256', kid)));
    const publisher = await Publisher.start(first as Signer);
    const server = await startServer({ tokenJwks: publisher.url });
    const token = await (first as Signer).sign();
    expect([await read(server, token), publisher.count]).toEqual([200, 1]);

    pass(30_000);
    publisher.signers = [first as Signer, second as Signer];
    expect([await read(server, await (second as Signer).sign()), publisher.count]).toEqual([200, 2]);
    const tokens = await Promise.all([1, 2, 3].map(() => (unknown as Signer).sign()));
    for (const each of tokens) expect(await read(server, each)).toBe(UNKNOWN);
    expect(publisher.count).toBe(2);
    pass(30_000);
    for (const each of tokens) expect(await read(server, each)).toBe(UNKNOWN);
    expect(publisher.count).toBe(3);
    expect(await read(server, token)).toBe(200);
  });

  it('that are taken away are of no use once the set was read again, also for tokens that were found good', async () => {
    stopTheClock();
    const [first, second] = await Promise.all(['1', '2'].map((kid) => Signer.of('ES256', kid)));
    const publisher = await Publisher.start(first as Signer, second as Signer);
    const server = await startServer({ tokenJwks: publisher.url });
    const token = await (first as Signer).sign();
    const other = await (second as Signer).sign();
    expect([await read(server, token), await read(server, other)]).toEqual([200, 200]);
    publisher.signers = [second as Signer];
    pass(600_001);
    // In the background: nobody waits for it.
    expect(await read(server, other)).toBe(200);
    await expect.poll(() => read(server, token)).toBe(UNKNOWN);
    expect(publisher.count).toBe(2);
    expect(await read(server, other)).toBe(200);
  });

  it('stay while the address is of no use', async () => {
    stopTheClock();
    const signer = await Signer.of('ES256', '1');
    const publisher = await Publisher.start(signer);
    const server = await startServer({ tokenJwks: publisher.url });
    expect(await read(server, await signer.sign())).toBe(200);
    const unknown = await (await Signer.of('ES256', '2')).sign();
    for (const trouble of [{ status: 503 }, { status: 302 }, { text: '{"keys":1}' }]) {
      Object.assign(publisher, { status: 200, text: undefined, ...trouble });
      pass(600_001);
      expect(await read(server, unknown)).toBe(UNKNOWN);
      expect(await read(server, await signer.sign())).toBe(200);
    }
    expect(publisher.count).toBe(4);
  });

  it('stay while what the address answers has no end, which is not read for long', async () => {
    stopTheClock();
    const signer = await Signer.of('ES256', '1');
    const publisher = await Publisher.start(signer);
    const log: string[] = [];
    const logger = createLogger('trace', { write: (line) => void log.push(line) }, []);
    const server = await startServer({ tokenJwks: publisher.url, logger });
    const token = await signer.sign();
    expect(await read(server, token)).toBe(200);
    publisher.isEndless = true;
    pass(600_001);
    expect(await read(server, token)).toBe(200);
    await expect.poll(() => publisher.givenUp).toBe(1);
    await expect.poll(() => log.join('')).toMatch(/Expected at most 1048576 bytes, got more/);
    expect(await read(server, token)).toBe(200);
  });

  it('that could not be read yet answer 503, and are read as soon as they can be', async () => {
    stopTheClock();
    const signer = await Signer.of('ES256', '1');
    const publisher = await Publisher.start(signer);
    publisher.status = 500;
    const server = await startServer({ tokenJwks: publisher.url });
    const token = await signer.sign();
    expect(await read(server, token)).toBe('503 ServiceUnavailable: The keys of tokens cannot be read now');
    expect(publisher.count).toBe(1);
    pass(1_000);
    publisher.status = 200;
    expect([await read(server, token), publisher.count]).toEqual([200, 2]);
  });

  it('are not told by the log what is in the query of their address', async () => {
    const publisher = await Publisher.start();
    publisher.status = 500;
    const log: string[] = [];
    const logger = createLogger('trace', { write: (line) => void log.push(line) }, []);
    await startServer({ tokenJwks: `${publisher.url}?sig=a-key-to-it`, logger });
    expect(log.join('')).toMatch(/cannot read the keys of tokens/);
    expect(log.join('')).toContain(publisher.url);
    expect(log.join('')).not.toContain('a-key-to-it');
  });

  it('are asked for once by many', async () => {
    stopTheClock();
    const [first, second] = await Promise.all(['1', '2'].map((kid) => Signer.of('ES256', kid)));
    const publisher = await Publisher.start(first as Signer);
    const server = await startServer({ tokenJwks: publisher.url });
    pass(30_000);
    publisher.signers = [second as Signer];
    let release = () => {};
    publisher.held = new Promise((resolve) => {
      release = resolve;
    });
    const reads = [1, 2, 3].map(async () => read(server, await (second as Signer).sign()));
    await expect.poll(() => publisher.count).toBe(2);
    release();
    expect(await Promise.all(reads)).toEqual([200, 200, 200]);
    expect(publisher.count).toBe(2);
  });
});

it.each([
  ['tokenJwks', 'http://id.example/keys'],
  ['tokenJwks', 'https://me:hush@id.example/keys'],
  ['tokenJwks', new URL('https://id.example/keys?sig=hush')],
  ['tokenJwks', ''],
  ['tokenSecret', 'hush'],
])('the plugin refuses %s %s, without repeating it', async (name, value) => {
  const message = await refusalOf({ [name]: value });
  expect(message).toMatch(new RegExp(`^Invalid ${name}: expected a `));
  expect(message).not.toContain('hush');
});

describe('keys in a file', () => {
  it('are read again as those at an address', async () => {
    stopTheClock();
    const folder = new TemporaryFolder();
    onTestFinished(() => folder.remove());
    const file = join(folder.path, 'keys.json');
    const [first, second] = await Promise.all(['1', '2'].map((kid) => Signer.of('EdDSA', kid)));
    await writeFile(file, keysOf([first as Signer]));
    const server = await startServer({ tokenJwks: file });
    expect(await read(server, await (first as Signer).sign())).toBe(200);
    await writeFile(file, keysOf([second as Signer]));
    pass(30_000);
    expect(await read(server, await (second as Signer).sign())).toBe(200);
    expect(await read(server, await (first as Signer).sign())).toBe(UNKNOWN);
    await rm(file);
    pass(30_000);
    expect(await read(server, await (first as Signer).sign())).toBe(UNKNOWN);
    expect(await read(server, await (second as Signer).sign())).toBe(200);
  });

  it.each([
    ['that is not there', undefined, /ENOENT/],
    ['that is no JSON', 'keys', /JSON/],
    ['without keys', '{}', /malformed/],
  ])('%s stop the start', async (_what, content, message) => {
    const folder = new TemporaryFolder();
    onTestFinished(() => folder.remove());
    const file = join(folder.path, 'keys.json');
    if (content !== undefined) await writeFile(file, content);
    expect(await refusalOf({ tokenJwks: file })).toMatch(message);
  });
});
