import { SETTINGS } from './config.js';

/** The text of `--help`. */
export function help(): string {
  const lines = Object.values(SETTINGS).map((setting) => {
    const name = 'flag' in setting ? `${setting.env}, --${setting.flag}` : setting.env;
    const { default: value } = setting.schema as { default?: string | number | boolean };
    const fallback =
      value === undefined ? '' : ` [${typeof value === 'boolean' ? (value ? 'on' : 'off') : value}]`;
    return `  ${name.padEnd(26)} ${setting.schema.description}${fallback}`;
  });
  return `Usage: ganomede-events-server [options]

Services publish events to named channels; other services receive them, in order, over plain HTTP.

Options:
  --port <number>, --host <address>, --store <name>, --data-dir <folder>   see below
  -h, --help                 this text
  -v, --version              the version

Environment (a flag wins over its variable; defaults in brackets):
${lines.join('\n')}

SIGTERM or SIGINT stops gracefully: waiting polls are answered, running requests finish. A second one exits at once.
`;
}
