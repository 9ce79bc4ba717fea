// The checker of histories finds nothing in what an honest store does, and every fault that is planted into it.
import { checkHistory, type Entry, type ViolationKind } from '@ganomede/events-testing';
import { describe, expect, it } from 'vitest';

/** What an honest store, its writers and its readers note, step by step; everything takes a millisecond. */
class Honest {
  readonly entries: Entry[] = [];
  readonly channel = 'honest';
  #log: string[] = [];
  #copies = new Map<string, string[]>();
  #now = 0;
  #values = 0;

  get now(): number {
    return this.#now;
  }

  get size(): number {
    return this.#log.length;
  }

  append(
    outcome: 'stored' | 'unknown' | 'refused' = 'stored',
    count = 1,
    isStored = outcome === 'stored',
  ): void {
    const values = Array.from({ length: count }, () => `value ${++this.#values}`);
    const asked = ++this.#now;
    const ids = values.map((_, n) => this.#log.length + n + 1);
    if (isStored) this.#log.push(...values);
    const { channel } = this;
    const entry = { kind: 'append', channel, values, asked, answered: ++this.#now, outcome } as const;
    this.entries.push(outcome === 'stored' ? { ...entry, ids } : entry);
  }

  /** The reader gets at most so many events, and is told before if it has got what is lost. */
  read(reader: string, limit = Number.POSITIVE_INFINITY): void {
    const { channel } = this;
    const copy = this.#copies.get(reader) ?? [];
    this.#copies.set(reader, copy);
    const same = copy.findIndex((value, n) => this.#log[n] !== value);
    if (same >= 0) {
      copy.length = same;
      this.entries.push({ kind: 'report', channel, reader });
    }
    for (const value of this.#log.slice(copy.length).slice(0, limit)) {
      copy.push(value);
      this.entries.push({ kind: 'event', channel, reader, id: copy.length, value });
    }
  }

  /** The reader begins again, so many events before where it was. */
  restart(reader: string, repeated: number): void {
    const copy = this.#copies.get(reader) ?? [];
    copy.length = Math.max(0, copy.length - repeated);
    this.entries.push({ kind: 'restart', channel: this.channel, reader });
  }

  look(limit = 10): void {
    const { channel } = this;
    const asked = ++this.#now;
    const first = Math.max(0, this.#log.length - limit);
    const events = this.#log.slice(first).map((value, n) => ({ id: first + n + 1, value }));
    this.entries.push({ kind: 'look', channel, asked, events });
    this.entries.push({ kind: 'tail', channel, asked, lastId: this.#log.length });
  }

  /** Loses the newest events, which were all asked for after `from`. */
  rewind(count: number, from: number): void {
    this.#log.length -= count;
    this.entries.push({
      kind: 'doubt',
      channel: this.channel,
      from,
      to: ++this.#now,
      acknowledged: true,
    });
  }

  finish(...readers: string[]): Entry[] {
    for (const reader of readers) this.read(reader);
    const events = this.#log.map((value, n) => ({ id: n + 1, value }));
    this.entries.push({ kind: 'log', channel: this.channel, events });
    return this.entries;
  }
}

/** Ten events, two readers, a look in between. */
function ordinary(): Entry[] {
  const honest = new Honest();
  for (let n = 0; n < 4; n++) honest.append();
  honest.read('a');
  honest.look();
  honest.append('stored', 3);
  honest.append('unknown', 1, true);
  honest.append('unknown', 1, false);
  honest.append('refused');
  honest.read('b', 3);
  honest.append();
  honest.look();
  honest.append();
  return honest.finish('a', 'b');
}

/** Five events, of which 4 and 5 are lost; then 4 and 5 are given again, and 6. Reader a had got all, reader b three. */
function rewound(): Entry[] {
  const honest = new Honest();
  for (let n = 0; n < 3; n++) honest.append();
  honest.read('b');
  const from = honest.now + 1;
  for (let n = 0; n < 2; n++) honest.append();
  honest.read('a');
  honest.look();
  honest.rewind(2, from);
  for (let n = 0; n < 3; n++) honest.append();
  return honest.finish('a', 'b');
}

const kindsOf = (entries: Entry[]) => new Set(checkHistory(entries).map(({ kind }) => kind));

/** The entry of this kind that `matches`, changed: to nothing, to one, or to several. */
function changed<Kind extends Entry['kind']>(
  entries: Entry[],
  kind: Kind,
  matches: (entry: Extract<Entry, { kind: Kind }>) => boolean,
  change: (entry: Extract<Entry, { kind: Kind }>) => Entry[],
): Entry[] {
  const index = entries.findIndex(
    (entry) => entry.kind === kind && matches(entry as Extract<Entry, { kind: Kind }>),
  );
  expect(index).toBeGreaterThanOrEqual(0);
  return entries.toSpliced(index, 1, ...change(entries[index] as Extract<Entry, { kind: Kind }>));
}

const got = (reader: string, id: number) => (entry: { reader: string; id: number }) =>
  entry.reader === reader && entry.id === id;
const withId = (id: number) => (entry: { ids?: readonly number[] }) => entry.ids?.includes(id) === true;
const isLog = () => true;

describe('what an honest store does', () => {
  it('is explained', () => {
    expect(checkHistory(ordinary())).toEqual([]);
    expect(checkHistory(rewound())).toEqual([]);
  });

  it.each([
    ['while the store is in doubt', [{ kind: 'doubt', from: 4, to: 5, acknowledged: false }]],
    [
      'as somebody saw',
      [
        { kind: 'tail', asked: 4, lastId: 2 },
        { kind: 'tail', asked: 5, lastId: 1 },
      ],
    ],
  ] as const)('is explained if an event is lost, and stored again by its writer, %s', (_, evidence) => {
    const channel = 'again';
    const event = (reader: string, id: number) =>
      ({ kind: 'event', channel, reader, id, value: `value ${id}` }) as const;
    const append = (id: number, asked: number, answered: number) =>
      ({
        kind: 'append',
        channel,
        values: [`value ${id}`],
        ids: [id],
        asked,
        answered,
        outcome: 'stored',
      }) as const;
    const history: Entry[] = [
      append(1, 1, 2),
      event('a', 1),
      event('a', 2),
      ...evidence.map((entry) => ({ ...entry, channel })),
      { kind: 'report', channel, reader: 'a' },
      event('a', 2),
      append(2, 3, 6),
      { kind: 'log', channel, events: [1, 2].map((id) => ({ id, value: `value ${id}` })) },
    ];
    expect(checkHistory(history)).toEqual([]);
  });

  it('is explained, whatever the order of appends, reads, restarts and losses', () => {
    for (let seed = 1; seed <= 300; seed++) {
      let state = seed;
      const below = (bound: number) => {
        state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
        return Math.floor((state / 2 ** 31) * bound);
      };
      const honest = new Honest();
      for (let step = 0; step < 60; step++) {
        const reader = `reader ${below(3)}`;
        const what = below(12);
        if (what < 5) honest.append('stored', 1 + below(3));
        else if (what === 5) honest.append('unknown', 1 + below(2), below(2) === 0);
        else if (what < 9) honest.read(reader, below(4));
        else if (what === 9) honest.restart(reader, below(3));
        else if (what === 10) honest.look(1 + below(5));
        else if (honest.size > 0) {
          // No append may be torn.
          const before = honest.now;
          honest.append();
          honest.rewind(1, before + 1);
        }
      }
      expect(checkHistory(honest.finish('reader 0', 'reader 1', 'reader 2')), `seed ${seed}`).toEqual([]);
    }
  });
});

describe('a planted fault is found:', () => {
  it.each<[string, ViolationKind, Entry[]]>([
    ['an event that a reader did not get', 'skipped', changed(ordinary(), 'event', got('a', 3), () => [])],
    [
      'the last event, which a reader did not get',
      'skipped',
      changed(ordinary(), 'event', got('b', 10), () => []),
    ],
    [
      'an event that a reader got twice',
      'repeated',
      changed(ordinary(), 'event', got('a', 3), (entry) => [entry, entry]),
    ],
    [
      'two events that a reader got in the wrong order',
      'reordered',
      changed(
        changed(ordinary(), 'event', got('a', 3), (entry) => [{ ...entry, value: 'value 4' }]),
        'event',
        got('a', 4),
        (entry) => [{ ...entry, value: 'value 3' }],
      ),
    ],
    [
      'an event that a reader got behind the next one',
      'reordered',
      changed(
        changed(ordinary(), 'event', got('a', 3), () => []),
        'event',
        got('a', 4),
        (entry) => [entry, { ...entry, id: 3, value: 'value 3' }],
      ),
    ],
    [
      'an event that is not what was sent',
      'corrupted',
      changed(ordinary(), 'event', got('b', 5), (entry) => [{ ...entry, value: `${entry.value}?` }]),
    ],
    [
      'a refused event that is stored all the same',
      'corrupted',
      changed(ordinary(), 'append', withId(9), ({ ids, ...entry }) => [{ ...entry, outcome: 'refused' }]),
    ],
    [
      'an acknowledged event that is gone',
      'gone',
      changed(ordinary(), 'log', isLog, (entry) => [{ ...entry, events: entry.events.slice(0, -1) }]),
    ],
    [
      'an acknowledged event that is another one now',
      'gone',
      changed(ordinary(), 'append', withId(9), (entry) => [{ ...entry, ids: [8] }]),
    ],
    [
      'an event lost that was acknowledged before anything happened',
      'gone',
      changed(rewound(), 'doubt', isLog, (entry) => [{ ...entry, from: entry.from + 3 }]),
    ],
    [
      'an acknowledged event lost where only others may be',
      'gone',
      changed(rewound(), 'doubt', isLog, (entry) => [{ ...entry, acknowledged: false }]),
    ],
    [
      'an id that is missing in the store',
      'hole',
      changed(ordinary(), 'log', isLog, (entry) => [{ ...entry, events: entry.events.toSpliced(4, 1) }]),
    ],
    [
      'an event that the store has twice',
      'stored twice',
      changed(ordinary(), 'log', isLog, (entry) => [
        { ...entry, events: [...entry.events, { id: 11, value: 'value 8' }] },
      ]),
    ],
    [
      'half of a batch',
      'torn',
      changed(ordinary(), 'append', withId(10), ({ ids, ...entry }) => [
        { ...entry, outcome: 'unknown', values: [...entry.values, 'value 99'] },
      ]),
    ],
    [
      'an id that is lower than one of before',
      'order',
      changed(ordinary(), 'append', withId(10), (entry) => [{ ...entry, asked: 0.1, answered: 0.2 }]),
    ],
    [
      'a look that lacks what was acknowledged',
      'stale',
      changed(ordinary(), 'look', isLog, (entry) => [{ ...entry, events: entry.events.slice(0, -1) }]),
    ],
    [
      'an end that is older than what was acknowledged',
      'stale',
      changed(ordinary(), 'tail', isLog, (entry) => [{ ...entry, lastId: entry.lastId - 1 }]),
    ],
    [
      'a look with a gap',
      'skipped',
      changed(ordinary(), 'look', isLog, (entry) => [{ ...entry, events: entry.events.toSpliced(1, 1) }]),
    ],
    [
      'a look that shows what nobody has',
      'gone',
      changed(ordinary(), 'look', isLog, (entry) => [
        { ...entry, events: entry.events.with(1, { id: 2, value: 'value 1' }) },
      ]),
    ],
    [
      'a loss that a reader was not told, which goes back all the same',
      'unreported',
      changed(rewound(), 'report', isLog, () => []),
    ],
    [
      'a loss that a reader was not told, and new events under the ids of the lost ones that it never gets',
      'skipped',
      rewound().filter(
        (entry) =>
          !(entry.kind === 'report') &&
          !(entry.kind === 'event' && entry.reader === 'a' && [6, 7].includes(Number(entry.value.slice(6)))),
      ),
    ],
    [
      'the same, though it was told',
      'skipped',
      rewound().filter(
        (entry) =>
          !(entry.kind === 'event' && entry.reader === 'a' && [6, 7].includes(Number(entry.value.slice(6)))),
      ),
    ],
    [
      'a loss at the end that a reader was not told',
      'unreported',
      rewound()
        .filter(
          (entry) =>
            entry.kind !== 'report' &&
            !(entry.kind === 'append' && entry.values.some((value) => Number(value.slice(6)) > 5)) &&
            !(entry.kind === 'event' && Number(entry.value.slice(6)) > 5),
        )
        .map((entry) => (entry.kind === 'log' ? { ...entry, events: entry.events.slice(0, 3) } : entry)),
    ],
    [
      'a report of a loss that was none',
      'false report',
      changed(ordinary(), 'event', got('a', 4), (entry) => [
        entry,
        { kind: 'report', channel: entry.channel, reader: 'a' },
      ]),
    ],
    [
      'a restart behind what was read',
      'skipped',
      changed(ordinary(), 'event', got('b', 4), ({ channel, reader }) => [
        { kind: 'restart', channel, reader },
      ]),
    ],
  ])('%s', (_, kind, history) => {
    expect(kindsOf(history)).toContain(kind);
  });

  it('in one channel, while another one is as it should be', () => {
    const other = ordinary().map((entry) => ({ ...entry, channel: 'other' }));
    const history = [...other, ...changed(ordinary(), 'event', got('a', 3), () => [])];
    expect(new Set(checkHistory(history).map(({ channel }) => channel))).toEqual(new Set(['honest']));
  });

  it('a history without its end cannot be judged', () => {
    expect(() => checkHistory(changed(ordinary(), 'log', isLog, () => []))).toThrow(
      /expected one log, got 0/,
    );
  });
});
