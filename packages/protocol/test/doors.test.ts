import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

/** The files that a file imports, directly or not, with the packages among them. */
function importsOf(file: string, found = new Set<string>()): Set<string> {
  const text = readFileSync(file, 'utf8');
  for (const [, name = ''] of text.matchAll(/^(?:import|export)[^;]*? from '([^']+)';$/gm)) {
    const path = name.startsWith('.')
      ? fileURLToPath(new URL(name.replace(/js$/, 'ts'), `file://${file}`))
      : name;
    if (found.has(path)) continue;
    found.add(path);
    if (name.startsWith('.')) importsOf(path, found);
  }
  return found;
}

const door = (path: string) => [...importsOf(fileURLToPath(new URL(`../src/${path}`, import.meta.url)))];

it('the plain door leads to no other package, and to no schema', () => {
  expect(door('index.ts').length).toBeGreaterThan(5);
  expect(door('index.ts').filter((path) => !path.endsWith('.ts') || path.includes('schemas'))).toEqual([]);
});

it('the schemas need TypeBox and nothing else', () => {
  expect(door('schemas/index.ts').filter((path) => !path.endsWith('.ts'))).toEqual(['@sinclair/typebox']);
});
