/** An id as the scripts of groups have it: 16 digits, so that Redis and Lua sort it as a number. */
export function groupId(id: number): string {
  return String(id).padStart(16, '0');
}
