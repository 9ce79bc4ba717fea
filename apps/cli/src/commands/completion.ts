import { Argument, type Command, Option } from 'commander';
import type { Context, Runner } from './context.js';

/** Asks this program what could stand at the cursor; each shell then keeps what fits. */
const SCRIPTS = {
  bash: `_ganomede_events() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$(ganomede-events __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _ganomede_events ganomede-events
`,
  zsh: `#compdef ganomede-events
_ganomede_events() {
  local -a candidates
  candidates=(\${(f)"$(ganomede-events __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)"})
  if (( \${#candidates} )); then compadd -- "\${candidates[@]}"; else _files; fi
}
if [ "\${funcstack[1]}" = _ganomede_events ]; then _ganomede_events "$@"; else compdef _ganomede_events ganomede-events; fi
`,
  fish: `function __ganomede_events_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l candidates (ganomede-events __complete -- $words[2..-1] 2>/dev/null)
    if set -q candidates[1]
        printf '%s\\n' $candidates
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c ganomede-events -f -a '(__ganomede_events_complete)'
`,
} as const;

export function addCompletion(program: Command, run: Runner): void {
  program
    .command('completion')
    .summary('print the completion for a shell')
    .description('Prints a script with which a shell completes commands and options.')
    .addArgument(new Argument('<shell>', 'which one').choices(Object.keys(SCRIPTS)))
    .addHelpText(
      'after',
      `
To have it in every shell:
  bash  echo 'source <(ganomede-events completion bash)' >> ~/.bashrc
  zsh   echo 'source <(ganomede-events completion zsh)' >> ~/.zshrc   (after compinit)
  fish  ganomede-events completion fish > ~/.config/fish/completions/ganomede-events.fish`,
    )
    .action(
      run(async ({ terminal }: Context, shell: keyof typeof SCRIPTS) =>
        terminal.line(SCRIPTS[shell].trimEnd()),
      ),
    );
  program
    .command('__complete', { hidden: true })
    .argument('[words...]')
    .allowUnknownOption()
    .helpOption(false)
    .action(
      run(async ({ terminal }: Context, words: readonly string[]) => {
        for (const candidate of candidates(program, words)) await terminal.line(candidate);
      }),
    );
}

/** What could stand in place of the last of the words that follow the name of the program. */
export function candidates(program: Command, words: readonly string[]): string[] {
  const before = words.slice(0, -1);
  const current = words.at(-1) ?? '';
  let command = program;
  /** Of the command so far. */
  let given = 0;
  let waiting: Option | undefined;
  for (const word of before) {
    if (waiting !== undefined) waiting = undefined;
    else if (word.startsWith('-')) {
      const option = optionsOf(command).find(({ short, long }) => word === short || word === long);
      waiting = option?.required === true ? option : undefined;
    } else {
      const next: Command | undefined = command.commands.find((one) => one.name() === word);
      if (next === undefined) given += 1;
      else [command, given] = [next, 0];
    }
  }
  if (waiting !== undefined) return waiting.argChoices ?? [];
  if (current.startsWith('-')) return optionsOf(command).flatMap(({ long }) => (long ? [long] : []));
  const commands = command
    .createHelp()
    .visibleCommands(command)
    .map((one) => one.name());
  return [...(given === 0 ? commands : []), ...(command.registeredArguments[given]?.argChoices ?? [])];
}

/** Those of a command, and those that every command has. */
function optionsOf(command: Command): readonly Option[] {
  const help = new Option('-h, --help');
  return [...command.options, ...(command.parent === null ? [] : rootOf(command).options), help].filter(
    ({ hidden }) => !hidden,
  );
}

function rootOf(command: Command): Command {
  return command.parent === null ? command : rootOf(command.parent);
}
