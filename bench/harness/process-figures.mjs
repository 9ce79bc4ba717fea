// What the system says of a process. Linux only.
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** Memory that it has. @param {number} pid */
export function residentBytes(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
}

/** Processor time that it has used, in steps of 10 ms. @param {number} pid */
export function cpuSeconds(pid) {
  const fields = statOf(pid);
  return (Number(fields[11]) + Number(fields[12])) / 100; // clock ticks, 100 a second
}

/** The same of a process and all that it has started. 0 where the system does not say. @param {number} pid */
export function cpuSecondsOfGroup(pid) {
  let seconds = 0;
  for (const name of existsSync('/proc/self/stat') ? readdirSync('/proc') : []) {
    if (!/^\d+$/.test(name)) continue;
    try {
      if (Number(statOf(Number(name))[2]) === pid) seconds += cpuSeconds(Number(name));
    } catch {
      // It has just ended.
    }
  }
  return seconds;
}

/** What stands behind the name of the program. @param {number} pid */
function statOf(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}
