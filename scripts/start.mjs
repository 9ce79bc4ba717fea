// npm start: installs, builds, and becomes the server. Arguments and environment are the server's.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { prepare } from './prepare.mjs';
import { report } from './step.mjs';
import { root } from './workspace.mjs';

const server = join(root, 'apps', 'server', 'dist', 'bin.js');

try {
  await prepare({ only: 'start' });
} catch (error) {
  report(error);
  process.exit(1);
}

// In this process, not in a child: signals, exit code and terminal are the server's own.
process.argv[1] = server;
await import(pathToFileURL(server).href);
