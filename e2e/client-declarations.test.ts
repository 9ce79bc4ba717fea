// The client's declarations as they are built: they need nothing but Node.js's, and no new compiler.
import { readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import ts from 'typescript';
import old from 'typescript-4.2';
import { expect, it } from 'vitest';
import { root } from '../scripts/workspace.mjs';

const dist = join(root, 'packages', 'client', 'dist');
const consumer = join(root, 'e2e', 'fixtures', 'typed-consumer.ts');

it.each(['index.d.ts', 'index.d.cts'])('%s imports nothing but modules of Node.js', (name) => {
  const text = readFileSync(join(dist, name), 'utf8');
  const { importedFiles, typeReferenceDirectives } = ts.preProcessFile(text);
  const imported = [...importedFiles, ...typeReferenceDirectives].map(({ fileName }) => fileName);
  expect(imported.length).toBeGreaterThan(1);
  expect(imported.filter((module) => !isBuiltin(module))).toEqual([]);
});

it.each([
  // The types of Node.js that were current then: newer ones need a newer compiler themselves.
  { compiler: old as unknown as typeof ts, types: 'node-16', typeRoots: 'e2e/node_modules/@types' },
  { compiler: ts, types: 'node', typeRoots: 'node_modules/@types' },
])(
  'a service compiles with them under TypeScript $compiler.version',
  { timeout: 120_000 },
  ({ compiler, types, typeRoots }) => {
    const program = compiler.createProgram([consumer], {
      strict: true,
      noEmit: true,
      skipLibCheck: false,
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
    const problems = compiler.getPreEmitDiagnostics(program).map(({ file, messageText }) => {
      return `${file?.fileName}: ${compiler.flattenDiagnosticMessageText(messageText, '\n')}`;
    });
    expect(problems).toEqual([]);
  },
);
