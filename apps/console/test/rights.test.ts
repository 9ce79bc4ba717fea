import { describe, expect, it } from 'vitest';
import { Rights } from '../page/state/rights.js';

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A token with these rights; who it is signed by is not for the page to judge. */
const tokenWith = (...details: object[]) =>
  `${part({ alg: 'HS256' })}.${part({ sub: 'é', authorization_details: details })}.signature`;

const type = 'ganomede-events';

describe('what is offered', () => {
  it('is everything to who has the secret', () => {
    for (const secret of ['secret', 'a.b.c', 'with.two dots.in it', `${part({})}.${part({})}.x`]) {
      expect(new Rights(secret).may('manage', 'orders')).toBe(true);
    }
  });

  it('is what stands in a token: a channel with its types, a type alone, what begins with a text', () => {
    const rights = new Rights(
      tokenWith(
        {
          type,
          actions: ['read', 'observe'],
          channels: ['orders', 'users/*'],
          clientIds: ['mail-*', 'viewer'],
        },
        { type, actions: ['publish'], channels: ['carts:opened'] },
        { type: 'of-another-service', actions: ['manage'], channels: ['*'] },
      ),
    );
    expect(rights.may('read', 'orders')).toBe(true);
    expect(rights.may('read', 'orders:paid')).toBe(true);
    expect(rights.may('read', 'orders2')).toBe(false);
    expect(rights.may('observe', 'users/7')).toBe(true);
    expect(rights.may('publish', 'carts:opened')).toBe(true);
    expect(rights.may('publish', 'carts')).toBe(false);
    expect(rights.may('manage', 'orders')).toBe(false);
    expect(rights.may('publish')).toBe(true);
    expect(rights.may('manage')).toBe(false);
    expect(rights.namedChannels).toEqual(['carts:opened', 'orders', 'users/*']);
  });

  it('is bound to the consumers and groups that a token names', () => {
    const rights = new Rights(
      tokenWith(
        { type, actions: ['read'], channels: ['orders'], clientIds: ['mail-*', 'viewer'] },
        { type, actions: ['read'], channels: ['users'], clientIds: ['mail-*'] },
        { type, actions: ['manage'], channels: ['orders'], groups: ['mailers'] },
        { type, actions: ['publish'], channels: ['orders'] },
      ),
    );
    expect(rights.may('read', 'orders', { clientId: 'mail-7' })).toBe(true);
    expect(rights.may('read', 'orders', { clientId: 'reporting' })).toBe(false);
    expect(rights.may('manage', 'orders', { group: 'mailers' })).toBe(true);
    expect(rights.may('manage', 'orders', { group: 'billing' })).toBe(false);
    expect(rights.clientIdFor('read', 'orders')).toBe('viewer');
    expect(rights.clientIdFor('read', 'users')).toBe('mail-console');
    expect(rights.clientIdFor('publish', 'orders')).toBe('console');
    expect(new Rights('secret').clientIdFor('read', 'orders')).toBe('console');
  });

  it('is nothing to a token that gives no channel', () => {
    expect(new Rights(tokenWith({ type, actions: ['read'] })).may('read', 'orders')).toBe(false);
  });
});
