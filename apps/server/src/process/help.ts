import { SETTINGS } from './config.js';

/** The text of `--help`. */
export function help(): string {
  const settings = Object.values(SETTINGS).map((setting) => {
    const name = 'flag' in setting ? `${setting.env}, --${setting.flag}` : setting.env;
    const { default: value } = setting.schema as { default?: string | number | boolean };
    const fallback =
      value === undefined ? '' : ` [${typeof value === 'boolean' ? (value ? 'on' : 'off') : value}]`;
    return `  ${name}\n${wrap(`${setting.schema.description}${fallback}`)}`;
  });
  return `Usage: ganomede-events-server [options]

Services publish events to named channels; other services receive them, in order, over plain HTTP.

Options:
  --port <number>, --host <address>, --store <name>, --data-dir <folder>   see below
  --verify                   reads all that the embedded store has in --data-dir, and says what is damaged
  --compact                  gives back to the system what the file of the embedded store in --data-dir does not use
  -h, --help                 this text
  -v, --version              the version

Environment (a flag wins over its variable; defaults in brackets):
${settings.join('\n')}

SIGTERM or SIGINT stops gracefully: waiting polls are answered, running requests finish. Before that SIGTERM leaves
DRAIN_MS in which the server is not ready but still answers. A second signal exits at once.
`;
}

/** Indented lines of at most this many characters. */
const WIDTH = 90;

function wrap(text: string): string {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= WIDTH)
      lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(`      ${word}`);
  }
  return lines.join('\n');
}
