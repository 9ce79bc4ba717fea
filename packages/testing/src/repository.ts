import { fileURLToPath } from 'node:url';

/** The absolute path of a file of this repository. Sources and what is built of them lie equally deep. */
export const inRepository = (path: string): string =>
  fileURLToPath(new URL(`../../../${path}`, import.meta.url));
