// The client's declarations as they are built: they need nothing but Node.js's, and no new compiler.
import { readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import ts from 'typescript';
import ts42 from 'typescript-4.2';
import ts47 from 'typescript-4.7';
import ts50 from 'typescript-5.0';
import { describe, expect, it } from 'vitest';
import { root } from '../scripts/workspace.mjs';

const dist = join(root, 'packages', 'client', 'dist');

it.each(['index.d.ts', 'index.d.cts'])('%s imports nothing but modules of Node.js', (name) => {
  const text = readFileSync(join(dist, name), 'utf8');
  const { importedFiles, typeReferenceDirectives } = ts.preProcessFile(text);
  const imported = [...importedFiles, ...typeReferenceDirectives].map(({ fileName }) => fileName);
  expect(imported.length).toBeGreaterThan(1);
  expect(imported.filter((module) => !isBuiltin(module))).toEqual([]);
});

// The types of Node.js that were current then: newer ones need a newer compiler themselves.
const THEN = { types: 'node-16', typeRoots: 'e2e/node_modules/@types' };
const NOW = { types: 'node', typeRoots: 'node_modules/@types' };

describe.each([
  { compiler: ts42 as unknown as typeof ts, ...THEN },
  { compiler: ts47 as unknown as typeof ts, ...THEN },
  { compiler: ts50 as unknown as typeof ts, ...THEN },
  { compiler: ts, ...NOW },
])('under TypeScript $compiler.version', ({ compiler, types, typeRoots }) => {
  function problemsOf(fixture: string, settings: { strict: boolean; skipLibCheck: boolean }): string[] {
    const program = compiler.createProgram([join(root, 'e2e', 'fixtures', fixture)], {
      ...settings,
      noEmit: true,
      target: compiler.ScriptTarget.ES2019,
      lib: ['lib.es2019.d.ts'],
      module: compiler.ModuleKind.CommonJS,
      moduleResolution: compiler.ModuleResolutionKind.NodeJs,
      typeRoots: [join(root, typeRoots)],
      types: [types],
      baseUrl: root,
      paths: { '@ganomede/events-client': ['packages/client/dist/index.d.ts'] },
    });
    const read = program.getSourceFiles().map(({ fileName }) => fileName);
    expect(read.filter((file) => file.includes('/packages/client/'))).toEqual([join(dist, 'index.d.ts')]);
    return compiler.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
      const line = file && file.getLineAndCharacterOfPosition(start ?? 0).line + 1;
      return `${file?.fileName}:${line}: ${compiler.flattenDiagnosticMessageText(messageText, '\n')}`;
    });
  }

  it('a new service compiles with them', { timeout: 120_000 }, () => {
    expect(problemsOf('typed-consumer.ts', { strict: true, skipLibCheck: false })).toEqual([]);
  });

  it.each([true, false].flatMap((strict) => [true, false].map((skipLibCheck) => ({ strict, skipLibCheck }))))(
    'a service that was written for the original compiles: strict $strict, skipLibCheck $skipLibCheck',
    { timeout: 120_000 },
    (settings) => {
      expect(problemsOf('moved-service.ts', settings)).toEqual([]);
    },
  );
});
