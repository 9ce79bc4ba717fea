import { EventEmitter } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { formatWithOptions } from 'node:util';
import ts from 'typescript';
import { afterEach, describe, expect, test, vi } from 'vitest';
import * as door from '../src/index.js';
import { Worker } from '../src/worker.js';
import { startRealServer } from './real-server.js';
import { cleanUp } from './setup.js';

const read = (file: string) => readFileSync(new URL(`../${file}`, import.meta.url), 'utf8');
const guide = read('README.md');
const reference = read('docs/reference.md');
const sharing = read('../../docs/sharing-work.md');
const SECRET = 'my-api-secret-token';

interface Block {
  readonly heading: string;
  readonly language: string;
  readonly code: string;
  /** What it prints, by its own account: lines such as `// → 1 add alice`. */
  readonly prints: readonly string[];
}

const blocks: Block[] = [guide, reference, sharing].flatMap((text) =>
  text.split(/^(?=##+ )/m).flatMap((section) =>
    [...section.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language = '', code = '']) => ({
      heading: /^#+ (.*)/.exec(section)?.[1] ?? '',
      language,
      code,
      prints: [...code.matchAll(/^\/\/ → (.*)$/gm)].map(([, line = '']) => line),
    })),
  ),
);
const programs = blocks.filter(({ language }) => language !== 'sh');

afterEach(() => void vi.unstubAllEnvs());

describe('each code block runs and prints what it says', () => {
  test.each(programs.map((block, n) => ({ ...block, name: `${n + 1}, ${block.heading}` })))(
    '$name',
    async ({ code, prints }) => {
      expect(prints).not.toEqual([]);
      const url = await startRealServer(SECRET);
      vi.stubEnv('API_SECRET', SECRET);
      vi.stubEnv('EVENTS_URL', url);
      const { printed, errors, run, stop } = prepare(code.replaceAll('http://localhost:8000', url));
      cleanUp(stop);
      let failure: unknown;
      const ended = run().catch((error: unknown) => {
        failure = error;
      });
      await vi.waitUntil(() => failure !== undefined || printed.length >= prints.length, { timeout: 15_000 });
      await stop();
      await ended;
      expect(failure).toBeUndefined();
      expect(errors).toEqual([]);
      expect(printed.sort()).toEqual([...prints].sort());
    },
  );

  test('but for the one that installs', () => {
    expect(blocks.filter(({ language }) => language === 'sh').map(({ code }) => code)).toEqual([
      'npm install @ganomede/events-client\n',
    ]);
    expect(new Set(programs.map(({ language }) => language))).toEqual(new Set(['js', 'ts']));
    expect(programs.length).toBeGreaterThan(4);
  });
});

/** A block as a function, with a console and a process of its own. `stop` sends it SIGTERM and closes its clients. */
function prepare(code: string) {
  const printed: string[] = [];
  const errors: string[] = [];
  const clients: door.Client[] = [];
  class Client extends door.Client {
    constructor(...args: ConstructorParameters<typeof door.Client>) {
      super(...args);
      clients.push(this);
    }

    static override fromEnv(...args: Parameters<typeof door.Client.fromEnv>): never {
      const client = door.Client.fromEnv(...args);
      clients.push(client);
      return client as never;
    }
  }
  const fakeConsole = {
    log: (...args: unknown[]) => printed.push(formatWithOptions({}, ...args)),
    error: (...args: unknown[]) => errors.push(formatWithOptions({}, ...args)),
  };
  const fakeProcess = new EventEmitter();
  const compilerOptions = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext };
  const script = ts
    .transpileModule(code, { compilerOptions })
    .outputText.replace(/^import (\{[^}]*\}) from '@ganomede\/events-client';$/m, 'const $1 = door;');
  const AsyncFunction = (async () => {}).constructor as {
    new (...args: string[]): (...args: unknown[]) => Promise<void>;
  };
  const program = new AsyncFunction('door', 'console', 'process', script);
  return {
    printed,
    errors,
    run: () => program({ ...door, Client }, fakeConsole, fakeProcess),
    stop: async () => {
      fakeProcess.emit('SIGTERM');
      await Promise.all(clients.map((client) => client.close()));
    },
  };
}

test('each code block compiles, strictly', () => {
  const root = fileURLToPath(new URL('../../..', import.meta.url));
  const { config } = ts.readConfigFile(`${root}/tsconfig.json`, ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [], files: [] }, ts.sys, root);
  const virtual = new Map(
    programs.map(({ code }, n) => [fileURLToPath(new URL(`./readme-block-${n}.mts`, import.meta.url)), code]),
  );
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile } = host;
  host.fileExists = (path) => virtual.has(path) || fileExists(path);
  host.readFile = (path) => virtual.get(path) ?? readFile(path);
  const { getSourceFile } = host;
  host.getSourceFile = (path, target, ...rest) => {
    const code = virtual.get(path);
    return code === undefined
      ? getSourceFile(path, target, ...rest)
      : ts.createSourceFile(path, code, target, true);
  };
  const program = ts.createProgram([...virtual.keys()], options, host);
  const problems = [...virtual.keys()].flatMap((path) => {
    const file = program.getSourceFile(path);
    return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
  });
  expect(problems.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))).toEqual([]);
}, 60_000);

describe('nothing is left out', () => {
  const sources = readdirSync(new URL('../src', import.meta.url)).map((file) =>
    readFileSync(new URL(`../src/${file}`, import.meta.url), 'utf8'),
  );
  const source = sources.join('\n');
  const fieldsOf = (name: string) => {
    const body = new RegExp(`interface ${name}[^{]*\\{\\n([\\s\\S]*?)\\n\\}`).exec(source)?.[1] ?? '';
    return [...body.matchAll(/^ {2}(?:readonly )?(\w+)\??:/gm)].map(([, field = '']) => field);
  };

  test.each([
    'ClientOptions',
    'SendOptions',
    'StreamOptions',
    'WorkOptions',
    'Delivery',
    'WorkerListeners',
    'GroupSettings',
    'GroupState',
    'IndexerClientOptions',
    'RequestFailure',
    'ReportedPosition',
    'CursorPosition',
    'IndexEvents',
  ])('every field of %s', (name) => {
    const fields = fieldsOf(name);
    expect(fields).not.toEqual([]);
    expect(
      fields.filter((field) => !new RegExp(`\`[^\`\n]*\\b${field}\\b[^\`\n]*\``).test(reference)),
    ).toEqual([]);
  });

  test('every method', () => {
    const methods = [door.Client, door.IndexerClient, door.Cursor, Worker]
      .flatMap(({ prototype }) => Object.getOwnPropertyNames(prototype))
      .filter((name) => name !== 'constructor');
    expect(methods).toContain('stream');
    expect(methods.filter((name) => !new RegExp(`\`[^\`\n]*\\b${name}\\b`).test(reference))).toEqual([]);
  });

  test('every special event', () => {
    const names = ['newListener', 'removeListener', 'error', 'drain', 'cycle'];
    expect(names.filter((name) => !reference.includes(`\`${name}\``))).toEqual([]);
  });

  test('every code of an error', () => {
    const codes = new Set([
      ...[...source.matchAll(/code: '(\w+)'/g)].map(([, code = '']) => code),
      ...[...source.matchAll(/(?:fail|lost)\([^;]*?'([A-Z]\w+)'/g)].map(([, code = '']) => code),
      ...[...source.matchAll(/code \?\? '(\w+)'/g)].map(([, code = '']) => code),
      ...[...source.matchAll(/: '(ConnectionFailed)'/g)].map(([, code = '']) => code),
    ]);
    expect(codes.size).toBeGreaterThan(6);
    expect([...codes].filter((code) => !reference.includes(`\`${code}\``))).toEqual([]);
  });
});

describe('every link', () => {
  const anchorsOf = (text: string) =>
    [...text.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
      title
        .toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    );

  test.each([
    { from: 'README.md', text: guide, targets: { '': guide, 'docs/reference.md': reference } },
    { from: 'docs/reference.md', text: reference, targets: { '': reference, '../README.md': guide } },
    {
      from: 'the guide to sharing work',
      text: sharing,
      targets: {
        '': sharing,
        '../packages/client/docs/reference.md': reference,
        '../API.md': read('../../API.md'),
        'reliability.md': read('../../docs/reliability.md'),
      },
    },
  ])('within $from and to others leads somewhere', ({ text, targets }) => {
    const links = [...text.matchAll(/\]\((?!https:)([^)#]*)(?:#([^)]*))?\)/g)];
    expect(links).not.toEqual([]);
    const dead = links.filter(([, file = '', anchor]) => {
      const target = (targets as Record<string, string>)[file];
      return target === undefined || (anchor !== undefined && !anchorsOf(target).includes(anchor));
    });
    expect(dead.map(([link]) => link)).toEqual([]);
  });
});
