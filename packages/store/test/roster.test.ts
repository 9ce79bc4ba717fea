import { describe, expect, it } from 'vitest';
import { Roster, type RosterMember } from '../src/waiting/roster.js';

const member = (): RosterMember => ({ rosterIndex: -1 });

describe('Roster', () => {
  it('holds who has entered and not left, whoever leaves first', () => {
    const roster = new Roster();
    const [a, b, c] = [member(), member(), member()];
    for (const each of [a, b, c]) roster.add(each);
    expect(roster.delete(a)).toBe(true);
    expect(roster.delete(a)).toBe(false);
    expect(new Set(roster.members())).toEqual(new Set([b, c]));
    expect(roster.delete(c)).toBe(true);
    expect(roster.members()).toEqual([b]);
    roster.add(a);
    expect(roster.delete(b)).toBe(true);
    expect(roster.members()).toEqual([a]);
    expect(roster.size).toBe(1);
  });

  it('does not take a member of another roster for one of its own', () => {
    const [one, other] = [new Roster(), new Roster()];
    const [a, b] = [member(), member()];
    one.add(a);
    other.add(b);
    expect(one.delete(b)).toBe(false);
    expect(other.delete(b)).toBe(true);
  });
});
