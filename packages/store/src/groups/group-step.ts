import { endDelivery } from './end-delivery.js';
import type { EntryRecord, GroupOrder, GroupRecord, GroupRecords, OrderedEvent } from './group-records.js';
import {
  BURIAL_MS,
  type BuriedEvent,
  type DyingEvent,
  type FoundEvents,
  type GroupScope,
  type GroupSettings,
  type GroupState,
  type GroupWork,
  type GroupWorked,
  LEASE_ENDED,
  MAX_DYING,
  MAX_ENDED,
  MAX_HELD_BACK,
  type Settlement,
  type Take,
  type TakenEvent,
} from './group-storage.js';

/** So many events at least are looked up in an order at once: what has left it meanwhile is passed over each time. */
const AT_ONCE = 100;

/** What time it is, milliseconds. */
export interface GroupClock {
  /** Of leases and delays: goes on evenly, whatever a clock is set to. */
  readonly now: number;
  /** Since the Unix epoch: what is told to people. */
  readonly date: number;
}

/** What the channel of a group is, as of a step. */
export interface GroupChannel {
  /** The type of the group's scope. */
  readonly type: string | undefined;
  /** The current epoch; empty if there is none. */
  readonly epoch: string;
  /** The newest id; 0 if nothing was ever appended. */
  readonly lastId: number;
}

/** What a step resolves with, and whether those that wait on the channel are to be told of it. */
export interface Stepped<T> {
  readonly result: T;
  readonly isReleased: boolean;
}

/** `GroupStorage.save` on the records of the group. */
export function saveGroup(
  records: GroupRecords,
  settings: GroupSettings,
  { after, changes }: { readonly after: number; readonly changes: boolean },
  { lastId }: Pick<GroupChannel, 'lastId'>,
  { date }: GroupClock,
): Stepped<{ isNew: boolean; settings: GroupSettings }> {
  const known = records.get('group', '');
  if (known === undefined) {
    records.set('group', '', {
      settings,
      // The channel may have come back older since that was looked up.
      after: Math.min(after, lastId),
      pending: 0,
      heldBack: 0,
      redelivered: 0,
      deadLetters: 0,
      missed: 0,
      createdAt: date,
    });
    return { result: { isNew: true, settings }, isReleased: false };
  }
  if (!changes || known.settings.order !== settings.order) {
    return { result: { isNew: false, settings: known.settings }, isReleased: false };
  }
  records.set('group', '', { ...known, settings });
  return { result: { isNew: false, settings }, isReleased: true };
}

/** `GroupStorage.work` on the records of the group. */
export function workInGroup(
  records: GroupRecords,
  { settle, found, takes }: GroupWork,
  { type, epoch }: Pick<GroupChannel, 'type' | 'epoch'>,
  clock: GroupClock,
): Stepped<GroupWorked | undefined> {
  const group = records.get('group', '');
  if (group === undefined) return { result: undefined, isReleased: false };
  const step = new GroupStep(records, group, clock);
  const settled = settle.map((settlement) => step.settle(settlement));
  const handing = new HandingOut(takes);
  step.handOutDue(handing);
  const isFoundCurrent = found !== undefined && step.isCurrent(found, epoch);
  if (isFoundCurrent) step.handOutFound(handing, found, type);
  const dying = step.tellDying();
  const { after, settings } = step.group;
  const result = {
    settings,
    settled,
    taken: handing.taken,
    isFoundCurrent,
    dying,
    after,
    dueInMs: step.dueInMs(),
    isFull: isFull(step.group),
  };
  return { result, isReleased: step.end() };
}

/** `GroupStorage.bury` on the records of the group. */
export function buryInGroup(
  records: GroupRecords,
  buried: readonly BuriedEvent[],
  clock: GroupClock,
): Stepped<void> {
  const group = records.get('group', '');
  if (group === undefined) return { result: undefined, isReleased: false };
  const step = new GroupStep(records, group, clock);
  for (const one of buried) step.bury(one);
  return { result: undefined, isReleased: step.end() };
}

/** `GroupStorage.redrive` on the records of the group. */
export function redriveInGroup(
  records: GroupRecords,
  { ids, limit }: { readonly ids: readonly number[] | undefined; readonly limit: number },
  clock: GroupClock,
): Stepped<readonly number[] | undefined> {
  const group = records.get('group', '');
  if (group === undefined) return { result: undefined, isReleased: false };
  const step = new GroupStep(records, group, clock);
  const wanted = ids ?? records.first('dead', limit).map(({ id }) => id);
  const result = step.redrive(wanted, limit);
  return { result, isReleased: step.end() };
}

/** What `GroupStorage.list` tells of a group; undefined if there is none. */
export function stateOfGroup(records: GroupRecords, scope: GroupScope): GroupState | undefined {
  const group = records.get('group', '');
  if (group === undefined) return undefined;
  const [oldest] = records.first('out', 1);
  return {
    scope,
    ...group,
    oldestPendingAt: oldest?.time,
    isFull: isFull(group),
    workers: [...records.workers()].map(([clientId, pending]) => ({ clientId, pending })),
  };
}

function isFull({ pending, heldBack, settings }: GroupRecord): boolean {
  return pending >= settings.maxPending || heldBack >= MAX_HELD_BACK;
}

/** Who takes events in a step, and what they were given. */
class HandingOut {
  readonly #takes: readonly Take[];
  readonly #taken: TakenEvent[][];
  #next = 0;
  /** How many more events can be taken. */
  room: number;

  constructor(takes: readonly Take[]) {
    this.#takes = takes;
    this.#taken = takes.map(() => []);
    this.room = takes.reduce((sum, { limit }) => sum + limit, 0);
  }

  /** Who gets the next one. To be called while there is room. */
  get next(): Take {
    while (this.#given(this.#next).length >= (this.#takes[this.#next] as Take).limit) this.#next++;
    return this.#takes[this.#next] as Take;
  }

  give(event: TakenEvent): void {
    this.#given(this.#next).push(event);
    this.room--;
  }

  get taken(): readonly (readonly TakenEvent[])[] {
    for (const events of this.#taken) events.sort((a, b) => a.id - b.id);
    return this.#taken;
  }

  #given(i: number): TakenEvent[] {
    return this.#taken[i] as TakenEvent[];
  }
}

/** One atomic step of a group: the rules by which its events move. */
class GroupStep {
  readonly #records: GroupRecords;
  readonly #clock: GroupClock;
  readonly #before: GroupRecord;
  readonly #firstDueBefore: number;
  /** A copy, which changes. */
  readonly #group: { -readonly [Name in keyof GroupRecord]: GroupRecord[Name] };
  #isChanged = false;
  /** When events are due of which those that wait are to be told. */
  readonly #newTimes = new Set<number>();
  /** Whether `*` is no longer busy. */
  #isOrderFreed = false;

  constructor(records: GroupRecords, group: GroupRecord, clock: GroupClock) {
    this.#records = records;
    this.#group = { ...group };
    this.#before = group;
    this.#clock = clock;
    this.#firstDueBefore = this.#firstTime('due');
  }

  get group(): GroupRecord {
    return this.#group;
  }

  /** Stores the group. Whether somebody who waits may find something now that they were not told to wait for. */
  end(): boolean {
    if (this.#isChanged) this.#records.set('group', '', this.#group);
    const firstDue = this.#firstTime('due');
    const isDueEarlier = firstDue < this.#firstDueBefore && this.#newTimes.has(firstDue);
    const hasRoom = isFull(this.#before) && !isFull(this.#group);
    const isNextFree = this.#isOrderFreed && this.#records.get('value', '*') === undefined;
    return isDueEarlier || hasRoom || isNextFree;
  }

  settle(settlement: Settlement): boolean {
    const { id, token } = settlement;
    const entry = this.#records.get('entry', id);
    if (entry === undefined || token === '' || entry.token !== token) return false;
    const { now, date } = this.#clock;
    switch (settlement.kind) {
      case 'acknowledge':
        this.#finish(id, entry);
        return true;
      case 'missed':
        this.#finish(id, entry);
        this.#count({ missed: 1 });
        return true;
      case 'reject': {
        const { reason } = settlement;
        this.#die(id, endDelivery(entry, { endedAt: date, outcome: 'rejected', reason }), reason, date);
        return true;
      }
      case 'extend': {
        if (!isLeased(entry, now)) return false;
        const time = now + (settlement.leaseMs ?? this.#group.settings.leaseMs);
        this.#move(id, entry, { time });
        this.#newTimes.add(time);
        return true;
      }
      case 'release':
        if (!isLeased(entry, now)) return false;
        this.#release(id, entry, settlement);
        return true;
    }
  }

  /** As long as somebody has room for them. */
  handOutDue(handing: HandingOut): void {
    const { now } = this.#clock;
    let ended = 0;
    while (handing.room > 0 && ended < MAX_ENDED) {
      const due = this.#records.first('due', Math.max(handing.room, AT_ONCE), now);
      if (due.length === 0) return;
      for (const { id } of due) {
        const entry = this.#entry(id);
        if (entry.state === 'leased') {
          this.#endLease(id, entry);
          ended++;
        } else if (handing.room > 0) this.#newTimes.add(this.#handOut(id, entry, handing));
      }
    }
  }

  isCurrent({ from, epoch, order }: FoundEvents, current: string): boolean {
    return from <= this.#group.after && epoch === current && order === this.#group.settings.order;
  }

  /** Until nobody has room, the group is full, or (`*`) its one event is out. */
  handOutFound(handing: HandingOut, { events, to, firstId }: FoundEvents, type: string | undefined): void {
    const { order } = this.#group.settings;
    for (const { id, value: own } of events) {
      if (id <= this.#group.after) continue;
      if (handing.room === 0 || isFull(this.#group)) return;
      const value = order === '*' ? '*' : own;
      const waiting = value === '' ? undefined : this.#records.get('value', value);
      if (waiting !== undefined && order === '*') return;
      this.#pass(id, firstId, type);
      const entry = { ...NEW_ENTRY, value };
      if (waiting !== undefined) this.#holdBack(id, entry);
      else {
        if (value !== '') this.#records.set('value', value, {});
        this.#count({ pending: 1 });
        const time = this.#handOut(id, entry, handing);
        // Who has room looks at what is appended, but not who waits for the group.
        if (isFull(this.#before) || this.#isOrderFreed) this.#newTimes.add(time);
      }
    }
    if (to > this.#group.after) this.#pass(to, firstId, type);
  }

  tellDying(): DyingEvent[] {
    const { now } = this.#clock;
    return this.#records.first('dying', MAX_DYING, now).map((event) => {
      const { id } = event;
      const entry = this.#entry(id);
      this.#move(id, entry, { time: now + BURIAL_MS });
      const { deadLetterId, count, reason, firstDeliveredAt, endedAt, clientId, deliveries } = entry;
      return { id, deadLetterId, count, reason, firstDeliveredAt, endedAt, clientId, deliveries };
    });
  }

  bury({ id, deadLetterId }: BuriedEvent): void {
    const entry = this.#records.get('entry', id);
    if (entry?.state !== 'dying') return;
    const isOfEarlierTurn = deadLetterId !== undefined && deadLetterId === entry.deadLetterId;
    if (isOfEarlierTurn) return;
    this.#finish(id, entry);
    this.#count({ deadLetters: 1 });
    if (deadLetterId === undefined) return;
    const { value, endedAt: time } = entry;
    this.#records.set('entry', id, { ...NEW_ENTRY, state: 'dead', value, time, deadLetterId });
    this.#records.enter('dead', { time, id });
  }

  redrive(wanted: readonly number[], limit: number): number[] {
    const ids: number[] = [];
    const behind: [id: number, entry: EntryRecord][] = [];
    for (const id of [...new Set(wanted)].sort((a, b) => a - b)) {
      const entry = this.#records.get('entry', id);
      if (entry?.state !== 'dead' || ids.length >= limit) continue;
      ids.push(id);
      this.#count({ deadLetters: -1 });
      const { value } = entry;
      if (value !== '' && this.#records.get('value', value) !== undefined) {
        this.#records.leave('dead', { time: entry.time, id });
        behind.push([id, entry]);
        continue;
      }
      if (value !== '') this.#records.set('value', value, {});
      this.#count({ pending: 1 });
      this.#makeDue(id, entry, this.#clock.now);
    }
    // The last one goes to the front first.
    for (const [id, entry] of behind.reverse()) this.#holdBackFirst(id, entry);
    return ids;
  }

  /** See `GroupWorked`. */
  dueInMs(): number | undefined {
    const time = Math.min(this.#firstTime('due'), this.#firstTime('dying'));
    return time === Number.POSITIVE_INFINITY ? undefined : Math.max(time - this.#clock.now, 0);
  }

  /** When its lease ends. */
  #handOut(id: number, entry: EntryRecord, handing: HandingOut): number {
    const { clientId, leaseMs = this.#group.settings.leaseMs, token } = handing.next;
    const { now, date } = this.#clock;
    const count = entry.count + 1;
    const firstDeliveredAt = entry.firstDeliveredAt || date;
    const deliveredAt = entry.firstDeliveredAt === 0 ? undefined : date;
    if (deliveredAt === undefined) this.#records.enter('out', { time: firstDeliveredAt, id });
    const time = now + leaseMs;
    this.#move(id, entry, { state: 'leased', time, count, token, clientId, firstDeliveredAt, deliveredAt });
    if (count > 1) this.#count({ redelivered: 1 });
    handing.give({ id, count, leaseMs, deadLetterId: entry.deadLetterId });
    return time;
  }

  #endLease(id: number, entry: EntryRecord): void {
    const { now, date } = this.#clock;
    const endedAt = date - (now - entry.time);
    const ended = endDelivery(entry, { endedAt, outcome: 'lease-ended' });
    if (entry.count >= this.#group.settings.maxDeliveries) {
      this.#die(id, ended, LEASE_ENDED, endedAt);
    } else {
      this.#move(id, ended, { state: 'delayed', time: entry.time + this.#backoffMs(entry.count) });
    }
  }

  #release(
    id: number,
    entry: EntryRecord,
    { delayMs, reason = '', uncounted }: Extract<Settlement, { kind: 'release' }>,
  ): void {
    const { now, date } = this.#clock;
    if (uncounted) {
      this.#makeDue(id, { ...entry, count: entry.count - 1 }, now);
      return;
    }
    const ended = endDelivery(entry, { endedAt: date, outcome: 'released', reason });
    if (entry.count >= this.#group.settings.maxDeliveries) {
      this.#die(id, ended, reason, date);
    } else {
      this.#makeDue(id, ended, now + (delayMs ?? this.#backoffMs(entry.count)));
    }
  }

  #backoffMs(count: number): number {
    const { backoffMs } = this.#group.settings;
    return backoffMs[Math.min(count, backoffMs.length) - 1] as number;
  }

  #die(id: number, entry: EntryRecord, reason: string, endedAt: number): void {
    this.#move(id, entry, { state: 'dying', time: this.#clock.now, token: '', reason, endedAt });
  }

  /** What is said with the token of its last delivery no longer holds. */
  #makeDue(id: number, entry: EntryRecord, time: number): void {
    this.#move(id, entry, { state: 'delayed', time, token: '' });
    this.#newTimes.add(time);
  }

  /** The group is done with an event that was out: the next one of its value is due. */
  #finish(id: number, entry: EntryRecord): void {
    this.#leaveOrder(id, entry);
    if (entry.firstDeliveredAt > 0) this.#records.leave('out', { time: entry.firstDeliveredAt, id });
    this.#records.remove('entry', id);
    this.#count({ pending: -1 });
    if (entry.value !== '') this.#free(entry.value);
  }

  #free(value: string): void {
    const { first: id, last } = this.#records.get('value', value) ?? {};
    if (id === undefined) {
      this.#records.remove('value', value);
      this.#isOrderFreed ||= value === '*';
      return;
    }
    const { next, ...entry } = this.#entry(id);
    this.#records.set('value', value, next === undefined ? {} : { first: next, last });
    this.#count({ heldBack: -1, pending: 1 });
    this.#makeDue(id, entry, this.#clock.now);
  }

  #holdBack(id: number, entry: EntryRecord): void {
    const { value } = entry;
    const { first = id, last } = this.#records.get('value', value) ?? {};
    if (last !== undefined) this.#records.set('entry', last, { ...this.#entry(last), next: id });
    this.#records.set('value', value, { first, last: id });
    this.#records.set('entry', id, entry);
    this.#count({ heldBack: 1 });
  }

  #holdBackFirst(id: number, { value, deadLetterId }: EntryRecord): void {
    const { first: next, last = id } = this.#records.get('value', value) ?? {};
    this.#records.set('value', value, { first: id, last });
    this.#records.set('entry', id, { ...NEW_ENTRY, value, deadLetterId, next });
    this.#count({ heldBack: 1 });
  }

  /** Writes an event that has changed, and its place in the order of its state. */
  #move(id: number, from: EntryRecord, change: Partial<EntryRecord>): void {
    const to = { ...from, ...change };
    this.#leaveOrder(id, from);
    this.#records.set('entry', id, to);
    const order = ORDERS[to.state];
    if (order) this.#records.enter(order, { time: to.time, id });
    if (to.state === 'leased') this.#countLeases(to.clientId, 1);
  }

  #leaveOrder(id: number, { state, time, clientId }: EntryRecord): void {
    const order = ORDERS[state];
    if (order) this.#records.leave(order, { time, id });
    if (state === 'leased') this.#countLeases(clientId, -1);
  }

  #countLeases(clientId: string, by: 1 | -1): void {
    const leases = (this.#records.get('worker', clientId) ?? 0) + by;
    if (leases > 0) this.#records.set('worker', clientId, leases);
    else this.#records.remove('worker', clientId);
  }

  /** The group has looked at everything up to an id. What lies before the first id was dropped. */
  #pass(id: number, firstId: number, type: string | undefined): void {
    // Which ids a type has is not known.
    if (type === undefined) this.#group.missed += Math.max(Math.min(firstId - 1, id) - this.#group.after, 0);
    this.#group.after = id;
    this.#isChanged = true;
  }

  #count(
    by: Partial<Record<'pending' | 'heldBack' | 'redelivered' | 'deadLetters' | 'missed', number>>,
  ): void {
    const group = this.#group;
    const { pending = 0, heldBack = 0, redelivered = 0, deadLetters = 0, missed = 0 } = by;
    group.pending += pending;
    group.heldBack += heldBack;
    group.redelivered += redelivered;
    group.deadLetters += deadLetters;
    group.missed += missed;
    this.#isChanged = true;
  }

  #firstTime(order: GroupOrder): number {
    const [first]: readonly OrderedEvent[] = this.#records.first(order, 1);
    return first?.time ?? Number.POSITIVE_INFINITY;
  }

  #entry(id: number): EntryRecord {
    const entry = this.#records.get('entry', id);
    if (entry === undefined)
      throw new Error(`Nothing is known of event ${id}, which the group is not done with`);
    return entry;
  }
}

/** The order that an event is in by its state. */
const ORDERS: Readonly<Record<EntryRecord['state'], GroupOrder | undefined>> = {
  'held back': undefined,
  leased: 'due',
  delayed: 'due',
  dying: 'dying',
  dead: 'dead',
};

/** Of an event that was not handed out yet. */
export const NEW_ENTRY: EntryRecord = {
  state: 'held back',
  time: 0,
  value: '',
  count: 0,
  token: '',
  clientId: '',
  firstDeliveredAt: 0,
  endedAt: 0,
  reason: '',
};

function isLeased({ state, time }: EntryRecord, now: number): boolean {
  return state === 'leased' && time > now;
}
