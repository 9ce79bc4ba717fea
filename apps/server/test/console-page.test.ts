import type { AddressInfo } from 'node:net';
import { eventsPlugin } from '@ganomede/events-server';
import Fastify from 'fastify';
import { describe, expect, it, onTestFinished } from 'vitest';
import { SECRET, startServer } from './support/server.js';

/** The files that a page names. */
const filesOf = (html: string) => [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path = '']) => path);

describe('the page of the console', () => {
  it('is at /console/, where / leads, whatever the path that a proxy adds', async () => {
    const { origin } = await startServer();
    for (const [from, to] of [
      ['/', 'console/'],
      ['/console', 'console/'],
    ]) {
      const response = await fetch(`${origin}${from}`, { redirect: 'manual' });
      expect([from, response.status, response.headers.get('location')]).toEqual([from, 302, to]);
    }
    const html = await (await fetch(`${origin}/console/`)).text();
    expect(html).toContain('<meta name="events-api" content="../events/v1/"');
    expect(filesOf(html)).not.toEqual([]);
    expect(filesOf(html).filter((path) => !path.startsWith('./assets/'))).toEqual([]);
  });

  it('has nothing that its policy refuses, and files that can be kept for ever', async () => {
    const { origin } = await startServer();
    const page = await fetch(`${origin}/console/`);
    const html = await page.text();
    const policy = page.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'");
    expect(policy).not.toContain('unsafe');
    expect(page.headers.get('cache-control')).toBe('no-cache');
    expect(html).not.toMatch(/<script(?![^>]* src=)|<style|style="| on\w+="/);
    for (const path of filesOf(html)) {
      const file = await fetch(new URL(path, `${origin}/console/`));
      const { headers, status } = file;
      expect([path, status]).toEqual([path, 200]);
      expect(headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('content-encoding')).toBe('gzip');
      const plain = await fetch(file.url, { headers: { 'Accept-Encoding': 'identity' } });
      expect(plain.headers.get('content-encoding')).toBeNull();
      expect(await plain.text()).toBe(await file.text());
    }
  });

  it('is the only thing of its folder that can be read', async () => {
    const { origin } = await startServer();
    for (const path of [
      'index.html',
      'assets/none.js',
      'assets/..%2Findex.html',
      'assets/%2e%2e%2f..%2findex.js',
      'assets/',
    ]) {
      const response = await fetch(`${origin}/console/${path}`);
      expect([path, response.status]).toEqual([path, 404]);
    }
    expect((await fetch(`${origin}/console/`, { method: 'POST' })).status).toBe(405);
  });

  it('is not there with CONSOLE=off; / leads to the description of the API', async () => {
    const { origin } = await startServer({ console: false });
    expect((await fetch(`${origin}/console/`)).status).toBe(404);
    const response = await fetch(origin, { redirect: 'manual' });
    expect(response.headers.get('location')).toBe('events/v1/docs');
    expect((await fetch(origin)).status).toBe(200);
  });

  it('finds the API where the plugin is mounted', async () => {
    const { store } = await startServer();
    const app = Fastify();
    app.register(eventsPlugin, { prefix: '/some/where', store, apiSecret: SECRET });
    await app.listen({ port: 0, host: '127.0.0.1' });
    onTestFinished(() => app.close());
    const origin = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
    expect(await (await fetch(`${origin}/some/where/console`)).text()).toContain('content="../"');
  });
});
