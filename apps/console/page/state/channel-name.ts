/** The channel that a name is in, without its type: `orders` of `orders:paid`. */
export function wholeOf(name: string): string {
  const colon = name.indexOf(':');
  return colon > 0 && colon < name.length - 1 ? name.slice(0, colon) : name;
}
