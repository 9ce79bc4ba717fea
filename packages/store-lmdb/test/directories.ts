import { TemporaryFolder } from '@ganomede/events-testing';
import { afterAll } from 'vitest';

const folders: TemporaryFolder[] = [];

/** An empty directory that is removed after the tests of this file. */
export function newDirectory(): string {
  const folder = new TemporaryFolder();
  folders.push(folder);
  return folder.path;
}

afterAll(() => {
  for (const folder of folders.splice(0)) folder.remove();
});
