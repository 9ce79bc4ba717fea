import type { EventHeader } from '@ganomede/events-protocol';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Expiries } from '../src/answers/expiries.js';
import { json, startServer } from './support/server.js';
import { claims, mint, rights, TOKEN_SECRET } from './support/tokens.js';

describe('at the end of its token', () => {
  it('everything that waits ends as when the server stops: polls and receives empty, streams after what they brought', async () => {
    const server = await startServer({ tokenSecret: TOKEN_SECRET, pollTimeoutMs: 600_000 });
    await server.publish('read');
    // Long enough for four requests to begin on a busy machine.
    const expiring = { exp: Date.now() / 1_000 + 5 };
    const token = await mint({ ...claims(rights(['read', 'work'])), ...expiring });
    const get = (path: string, init: RequestInit = {}) =>
      fetch(`${server.origin}/events/v1${path}`, {
        ...init,
        headers: { ...(init.headers as object), Authorization: `Bearer ${token}` },
      });
    const answers = [
      get('/events?clientId=c&channel=empty'),
      get('/groups/receive', json({ channel: 'empty', group: 'g', clientId: 'c', limit: 1 })),
      get('/events?clientId=c&channel=read', { headers: { Accept: 'text/event-stream' } }),
      get('/streams', json({ clientId: 'd', cursors: [{ channel: 'read' }] })),
    ];
    await expect.poll(() => server.store.waiting).toBe(4);
    const [poll, receive, stream, pages] = await Promise.all(
      answers.map(async (answer) => {
        const response = await answer;
        return { status: response.status, text: await response.text() };
      }),
    );
    expect(poll).toEqual({ status: 200, text: '[]' });
    expect(receive).toEqual({ status: 200, text: '{"events":[]}' });
    expect(stream?.text).toContain('id: 1\n');
    const lines = (pages?.text.trim().split('\n') ?? []).map((line) => JSON.parse(line));
    expect(lines.flatMap(({ events = [] }) => events.map(({ id }: EventHeader) => id))).toEqual([1]);
    const response = await get('/events?clientId=c&channel=empty');
    expect([response.status, await response.json()]).toMatchObject([
      401,
      { message: 'Invalid token: it has expired' },
    ]);
  });
});

describe('expiries', () => {
  afterEach(() => void vi.useRealTimers());
  const request = () => {
    const stopped = { count: 0, stop: () => void stopped.count++ };
    return stopped;
  };

  it('stop those whose time is over, and no others', () => {
    vi.useFakeTimers();
    const expiries = new Expiries();
    const [first, second, left, later] = [request(), request(), request(), request()];
    const at = Date.now() + 1_500.5;
    for (const each of [first, second, left]) expiries.add(at, each);
    expiries.add(at + 1, later);
    expiries.delete(at, left);
    vi.advanceTimersByTime(1_500);
    expect(first.count).toBe(0);
    vi.advanceTimersByTime(1);
    expect([first, second, left, later].map(({ count }) => count)).toEqual([1, 1, 0, 0]);
    expiries.delete(at + 1, later);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('take as long as they take, and stop at once what is over already', () => {
    vi.useFakeTimers();
    const expiries = new Expiries();
    const [far, over] = [request(), request()];
    const days = 60 * 86_400_000;
    expiries.add(Date.now() + days, far);
    expiries.add(Date.now() - 1, over);
    expect([far.count, over.count]).toEqual([0, 1]);
    vi.advanceTimersByTime(days - 1);
    expect(far.count).toBe(0);
    vi.advanceTimersByTime(1);
    expect(far.count).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });
});
