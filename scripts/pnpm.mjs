// pnpm in the version that package.json names. npx brings it, so that nobody has to have it.
import { rootManifest } from './workspace.mjs';

/** The version to use, such as `10.34.8`. */
export const pnpmVersion = /^pnpm@([^+]+)/.exec(rootManifest.packageManager ?? '')?.[1] ?? 'latest';

/** The command that runs pnpm with arguments. @param {readonly string[]} args */
export const pnpm = (...args) => ['npx', '--yes', `pnpm@${pnpmVersion}`, ...args];
