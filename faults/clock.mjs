import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TemporaryFolder } from '@ganomede/events-testing';

/** Where Debian's package libfaketime has it: `/usr/lib/<machine>/faketime`. */
const library = (existsSync('/usr/lib') ? readdirSync('/usr/lib') : [])
  .map((machine) => join('/usr/lib', machine, 'faketime/libfaketimeMT.so.1'))
  .find((path) => existsSync(path));

/** What is missing, if clocks cannot be set on this machine. */
export const clocksLack = library === undefined ? 'libfaketime (apt-get install libfaketime)' : undefined;

/** The clock of the processes that are started with `env`. Theirs that only goes forward is left alone. */
export class Clock {
  #folder = new TemporaryFolder();
  #file = join(this.#folder.path, 'clock');

  constructor() {
    this.set('+0');
  }

  /** @returns {Record<string, string>} */
  get env() {
    if (library === undefined) return {};
    return {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    };
  }

  /** @param {string} offset from the true time, as libfaketime wants it: `+1y`, `-2h`, `+0` */
  set(offset) {
    writeFileSync(this.#file, offset);
  }

  [Symbol.dispose]() {
    this.#folder.remove();
  }
}
