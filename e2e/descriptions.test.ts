// What the server says of itself, in the hands of the tools of each format.

import { copyFile, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Parser } from '@asyncapi/parser';
import { run, TemporaryFolder } from '@ganomede/events-testing';
import openapiTS, { astToString } from 'openapi-typescript';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root } from '../scripts/workspace.mjs';
import { Server } from './support/server.js';

const modules = join(root, 'e2e', 'node_modules');

let server: Server;
let folder: TemporaryFolder;

beforeAll(async () => {
  folder = new TemporaryFolder();
  server = await Server.start();
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  folder.remove();
});

const documentOf = async (name: string): Promise<string> =>
  (await fetch(`${server.env.EVENTS_URL}/events/v1/${name}`)).text();

describe('the OpenAPI document', () => {
  it('has nothing that redocly lint would have otherwise', async () => {
    const file = join(folder.path, 'openapi.json');
    await writeFile(file, await documentOf('openapi.json'));
    const config = join(root, 'e2e', 'redocly.yaml');
    const redocly = join(modules, '@redocly', 'cli', 'bin', 'cli.js');
    // It asks nobody whether there is a newer one, and tells nobody that it ran.
    const env = { REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true', REDOCLY_TELEMETRY: 'off', CI: 'true' };
    const { stdout } = await run(
      process.execPath,
      [redocly, 'lint', file, '--config', config, '--format', 'json'],
      { env, cwd: folder.path },
    );
    const { problems } = JSON.parse(stdout) as {
      problems: { ruleId: string; message: string; location: { pointer: string }[] }[];
    };
    expect(problems.map(({ ruleId, message, location }) => [ruleId, location[0]?.pointer, message])).toEqual(
      [],
    );
  });

  it('makes a client, by openapi-typescript, that compiles and works', async () => {
    const types = astToString(await openapiTS(JSON.parse(await documentOf('openapi.json'))));
    const app = join(folder.path, 'app');
    await mkdir(app);
    await symlink(modules, join(app, 'node_modules'));
    await writeFile(join(app, 'package.json'), JSON.stringify({ type: 'module' }));
    await writeFile(join(app, 'openapi.ts'), types);
    const program = join(app, 'generated-client.ts');
    await copyFile(join(root, 'e2e', 'fixtures', 'generated-client.ts'), program);
    const compiled = ts.createProgram([program], {
      strict: true,
      skipLibCheck: true,
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      types: ['node'],
      typeRoots: [join(root, 'node_modules', '@types')],
    });
    const problems = [...ts.getPreEmitDiagnostics(compiled), ...compiled.emit().diagnostics];
    expect(problems.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))).toEqual([]);
    const { stdout } = await run(process.execPath, [join(app, 'generated-client.js')], { env: server.env });
    expect(JSON.parse(stdout)).toEqual({
      ...{ id: 1, types: ['paid'], last: '1', code: 'InvalidContent' },
      settled: [{ id: 1, status: 'done' }],
      appended: [{ headers: [{ id: 2, timestamp: expect.any(Number) }] }],
    });
  });
});

it('the AsyncAPI document is valid, by its parser, and of what the OpenAPI document is of', async () => {
  const text = await documentOf('asyncapi.json');
  const { document, diagnostics } = await new Parser().parse(text);
  // Of 3.1 it needs nothing, and many tools know no more than 3.0.
  const problems = diagnostics.filter(({ code }) => code !== 'asyncapi-latest-version');
  expect(problems.map(({ code, path, message }) => [code, path.join('/'), message])).toEqual([]);
  const operations = document?.operations().all() ?? [];
  expect(operations.map((each) => [each.id(), each.action(), each.channels().all()[0]?.address()])).toEqual([
    ['publish', 'receive', '/events/v1/events'],
    ['publishCloudEvents', 'receive', '/events/v1/events'],
    ['read', 'send', '/events/v1/events'],
    ['append', 'receive', '/events/v1/appends'],
    ['follow', 'receive', '/events/v1/streams'],
    ['work', 'receive', '/events/v1/groups/receive'],
  ]);
  const { paths } = JSON.parse(await documentOf('openapi.json'));
  const { components } = JSON.parse(text);
  expect(Object.keys(paths)).toEqual(
    expect.arrayContaining(operations.map((each) => each.channels().all()[0]?.address())),
  );
  // OpenAPI's is written in the keywords that its tools know, so only what it is about is compared.
  const page = paths['/events/v1/events'].get.responses['200'].content['application/json'].schema;
  expect(Object.keys(components.messages.page.payload.items.properties)).toEqual(
    Object.keys(page.items.properties),
  );
});
