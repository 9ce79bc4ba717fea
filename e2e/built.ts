import { prepare } from '../scripts/prepare.mjs';

/** Vitest's global set-up: these tests run what was built, so it has to be what the sources say. */
export default prepare;
