/** Something that is in one roster at a time. */
export interface RosterMember {
  /** Where it is in its roster, which sets it; -1 if it is in none. */
  rosterIndex: number;
}

/**
 * A set of requests in no order. A `Set` that members enter and leave all the time moves to a new table again and again,
 * and V8 links the old table to it: once one of these tables is in the old generation, every later one, and every
 * request in it, stays in memory until the next full collection (measured: half of the server's processor time).
 */
export class Roster<T extends RosterMember> {
  readonly #members: T[] = [];

  get size(): number {
    return this.#members.length;
  }

  /** Takes one that is in no roster. */
  add(member: T): void {
    member.rosterIndex = this.#members.push(member) - 1;
  }

  /** Whether it was in this roster. */
  delete(member: T): boolean {
    const index = member.rosterIndex;
    if (this.#members[index] !== member) return false;
    const last = this.#members.pop() as T;
    if (last !== member) {
      this.#members[index] = last;
      last.rosterIndex = index;
    }
    member.rosterIndex = -1;
    return true;
  }

  /** Those who are in it now; they may leave, and others enter, meanwhile. */
  members(): readonly T[] {
    return [...this.#members];
  }
}
