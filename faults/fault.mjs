/**
 * What can happen while a service is used. `run` makes it happen, lets it last, and takes it back: it resolves once everything
 * runs again, though it need not be ready yet.
 *
 * @template Stage  what it happens to
 * @typedef {object} Fault
 * @property {'servers' | 'store'} lane  one fault of each lane at a time
 * @property {readonly [number, number]} forMs  how long it lasts
 * @property {boolean} [rewinds]  the store comes back older than it was, or empty
 * @property {(stage: Stage, circumstances: Circumstances) => Promise<void>} run
 */

/**
 * @typedef {object} Circumstances
 * @property {number} forMs
 * @property {number} pick  any integer from 0: says which of several it happens to
 * @property {(from: number, acknowledged: boolean, channels?: readonly string[]) => void} doubt  notes that from then until
 *   now the store may have lost events, also acknowledged ones or only others
 */

/** What a storage has to offer to a round. @typedef {import('./service.mjs').Service} Service */

/** @template Item @param {readonly Item[]} items @param {number} pick @returns {Item} */
export const picked = (items, pick) => /** @type {Item} */ (items[pick % items.length]);

/** Milliseconds on the clock of the history. */
export const now = () => performance.now();
