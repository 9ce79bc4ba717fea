import { expect, it } from 'vitest';
import { randomChannel, startServer } from './support/server.js';

interface Sample {
  readonly name: string;
  readonly labels: readonly string[];
}

interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

/** The families of a Prometheus text. */
function familiesOf(text: string): Family[] {
  return text.split(/^(?=# HELP )/m).flatMap((block) => {
    const [, name = '', help = ''] = /^# HELP (\S+) ?(.*)$/m.exec(block) ?? [];
    const type = /^# TYPE \S+ (\S+)$/m.exec(block)?.[1] ?? '';
    const samples = [...block.matchAll(/^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? \S+$/gm)].map(
      ([, sample = '', labels = '']) => ({
        name: sample,
        labels: [...labels.matchAll(/(\w+)="/g)].map(([, label = '']) => label),
      }),
    );
    return name === '' ? [] : [{ name, type, help, samples }];
  });
}

/** What `promtool check metrics` finds, and what the naming practices of Prometheus say beyond it. */
function problemsOf({ name, type, help, samples }: Family): string[] {
  const problems: string[] = [];
  const check = (isFine: boolean, problem: string) => {
    if (!isFine) problems.push(`${name}: ${problem}`);
  };
  check(help !== '', 'no help');
  check(samples.length > 0, 'always empty');
  check(['counter', 'gauge', 'histogram'].includes(type), `the type ${type}`);
  check((type === 'counter') === name.endsWith('_total'), '_total is for counters, and for all of them');
  check(!/_(?:count|sum|bucket|info_total)$/.test(name), 'a suffix of histograms');
  check(!/_(?:gauge|counter|histogram|summary)(?:_|$)/.test(name), 'its type in its name');
  check(
    !/_(?:ms|us|ns|s|sec|secs|milliseconds|microseconds|minutes|hours|kb|mb|kilobytes|megabytes|pct|percent)(?:_total)?$/.test(
      name,
    ),
    'a unit that is no base unit, or is abbreviated',
  );
  check(/^(?:events|process|nodejs)_[a-z0-9_]+$/.test(name), 'no prefix, or another case than snake_case');
  for (const label of new Set(samples.flatMap(({ labels }) => labels)))
    check(/^[a-z][a-z0-9_]*$/.test(label), `the label ${label}`);
  return problems;
}

it('metrics are named and described as Prometheus wants them, and none is always empty', async () => {
  const server = await startServer({ metricsConsumers: '*' });
  const channel = randomChannel();
  await server.publish(channel);
  await server.read(channel, { after: 1, timeout: 0 });
  await server.store.saveGroup(channel, 'billing', {});
  const families = familiesOf(await (await fetch(`${server.origin}/metrics`)).text());
  expect(families.length).toBeGreaterThan(30);
  expect(families.flatMap(problemsOf)).toEqual([]);
  const names = families.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});

it('what the store refuses is no failure of it', async () => {
  const server = await startServer();
  const channel = randomChannel();
  const publish = (type: string, rest: object) =>
    server.fetch('/events', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'Idempotency-Key': 'k' },
      body: JSON.stringify({ clientId: 'c', channel, from: 'f', type, ...rest }),
    });
  expect((await publish('a', {})).status).toBe(200);
  expect((await publish('b', {})).status).toBe(422);
  const other = await server.fetch('/events', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ clientId: 'c', channel, from: 'f', type: 'b', expectedLastId: 7 }),
  });
  expect(other.status).toBe(409);
  const lines = (await (await fetch(`${server.origin}/metrics`)).text()).split('\n');
  const count = (outcome: string, n: number) =>
    `events_store_call_duration_seconds_count{call="append",outcome="${outcome}"} ${n}`;
  expect(lines).toEqual(expect.arrayContaining([count('ok', 1), count('refused', 2), count('error', 0)]));
});

it('events_build_info tells the version that /about tells', async () => {
  const server = await startServer();
  const { version } = (await (await server.fetch('/about')).json()) as { version: string };
  const text = await (await fetch(`${server.origin}/metrics`)).text();
  expect(text.split('\n')).toContain(`events_build_info{version="${version}"} 1`);
});
