import { toolEnvironment } from '../../scripts/run.mjs';

/** The environment for npm, pnpm and build tools, as `toolEnvironment` has it, without what is not set. */
export const toolEnv: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(toolEnvironment()).filter((entry): entry is [string, string] => entry[1] !== undefined),
);
