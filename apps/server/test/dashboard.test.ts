import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { randomChannel, startServer } from './support/server.js';

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}

it('docs/grafana-dashboard.json shows every figure of /metrics, and no others', async () => {
  const file = new URL('../../../docs/grafana-dashboard.json', import.meta.url);
  const { panels } = JSON.parse(await readFile(file, 'utf8')) as { panels: Panel[] };
  const server = await startServer({ metricsConsumers: '*' });
  await server.read(randomChannel(), { timeout: 0 });
  const text = await (await fetch(`${server.origin}/metrics`)).text();
  const types = new Map(
    [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => [name, type]),
  );
  const shown = new Set<string>();
  for (const { title, targets = [] } of panels) {
    for (const { expr } of targets) {
      for (const [, name = ''] of expr.matchAll(/\b((?:events|process|nodejs)_\w+)\{/g)) {
        const base = name.replace(/_(?:bucket|sum|count)$/, '');
        const metric = types.get(base) === 'histogram' ? base : name;
        expect(types.has(metric), `${name} of “${title}”`).toBe(true);
        shown.add(metric);
      }
    }
  }
  expect([...types.keys()].filter((name) => !shown.has(name))).toEqual([]);
});
