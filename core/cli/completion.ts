import { Argument, Command } from 'commander';
import { contextOf, type Host } from './context.js';
import { CliError } from './errors.js';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

/** `bee completion SHELL`: a script that completes commands and flags; written from the commands themselves. */
export function completionCommand(host: Host): Command {
  return new Command('completion')
    .description('Print a completion script: source <(bee completion bash)')
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .action((shell: Shell, _options: unknown, command: Command) => {
      const { terminal } = contextOf(command, host);
      const root = command.parent;
      if (root === null) throw new CliError('USAGE', 'completion belongs to bee');
      terminal.print(SCRIPTS[shell](root));
    });
}

const SCRIPTS: Readonly<Record<Shell, (root: Command) => string>> = { bash, zsh, fish };

/** Commands whose arguments are images of the store. Their names come from the store, at the moment of the question. */
const OF_IMAGES = new Set(['run', 'push', 'pull', 'tag', 'rm', 'describe', 'inspect', 'package']);

function bash(root: Command): string {
  const ofImages = verbNames(root).filter((name) => OF_IMAGES.has(name));
  const cases = verbs(root).map((verb) => `    ${verb.name()}) words="${flags(verb, root).join(' ')}" ;;`);
  return `_bee() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" verb="" word words
  for word in "\${COMP_WORDS[@]:1:$((COMP_CWORD-1))}"; do
    case " ${verbNames(root).join(' ')} " in *" $word "*) verb="$word"; break ;; esac
  done
  case "$verb" in
${cases.join('\n')}
    *) words="${[...verbNames(root), ...flags(root)].join(' ')}" ;;
  esac
  COMPREPLY=()
  if [[ -z "$verb" || "$cur" == -* ]]; then
    while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -W "$words" -- "$cur")
    return
  fi
  case " ${ofImages.join(' ')} " in *" $verb "*) ;; *) return ;; esac
  # Bash splits words at colons: what lies before the last one is on the line already.
  local line="\${COMP_LINE:0:$COMP_POINT}"
  local typed="\${line##*[[:space:]]}"
  local before="\${typed%"$cur"}"
  while IFS= read -r word; do
    [[ "$word" == "$typed"* ]] && COMPREPLY+=("\${word#"$before"}")
  done < <(\${COMP_WORDS[0]} list --quiet 2>/dev/null)
}
complete -o default -F _bee bee`;
}

/** Bash's, which zsh can run, but for names in a slice. */
function zsh(root: Command): string {
  return `#compdef bee
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
autoload -Uz bashcompinit && bashcompinit
${bash(root)}`;
}

function fish(root: Command): string {
  const names = verbNames(root).join(' ');
  const lines = ['complete -c bee -n "__fish_use_subcommand" -f'];
  for (const verb of verbs(root)) {
    lines.push(
      `complete -c bee -n "__fish_use_subcommand" -a ${verb.name()} -d ${fishQuote(verb.description())}`,
    );
    for (const { long, short, description } of verb.options) {
      const forms = [long && `-l ${long.slice(2)}`, short && `-s ${short.slice(1)}`]
        .filter(Boolean)
        .join(' ');
      lines.push(
        `complete -c bee -n "__fish_seen_subcommand_from ${verb.name()}" ${forms} -d ${fishQuote(description)}`,
      );
    }
  }
  for (const { long, description } of root.options) {
    if (long) lines.push(`complete -c bee -l ${long.slice(2)} -d ${fishQuote(description)}`);
  }
  for (const name of verbNames(root).filter((verb) => OF_IMAGES.has(verb)))
    lines.push(
      `complete -c bee -n "__fish_seen_subcommand_from ${name}" -a "(bee list --quiet 2>/dev/null)"`,
    );
  return [`# commands: ${names}`, ...lines].join('\n');
}

function verbs(root: Command): readonly Command[] {
  return root.commands;
}

function verbNames(root: Command): string[] {
  return verbs(root).map((verb) => verb.name());
}

function flags(...commands: readonly Command[]): string[] {
  const own = commands.flatMap(({ options }) => options.flatMap(({ long, short }) => [long, short]));
  return [...own, '--help'].filter((flag): flag is string => flag !== undefined && flag !== null);
}

function fishQuote(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}
