"""Command ``completion``: the script by which a shell asks what completes a word."""

from enum import StrEnum
from typing import Annotated

import typer

from ingress_canary.cli.completion import ASKED

PROGRAMS = "ingress-canary kubectl-icanary"
BASH = f"""\
# completion of ingress-canary for bash, 3.2 or later
_ingress_canary() {{
  local line files=''
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :0) files=yes ;;
      :*) ;;
      *) COMPREPLY+=("${{line%%$'\\t'*}}") ;;
    esac
  done < <("${{COMP_WORDS[0]}}" {ASKED} "${{COMP_WORDS[@]:1:COMP_CWORD}}" 2>/dev/null)
  if [ -n "$files" ]; then
    compopt -o default 2>/dev/null
  fi
}}
complete -F _ingress_canary {PROGRAMS}
"""
ZSH = f"""\
#compdef {PROGRAMS}
# completion of ingress-canary for zsh
_ingress_canary() {{
  local line files=''
  local -a found
  for line in "${{(@f)$("${{words[1]}}" {ASKED} "${{(@Q)words[2,CURRENT]}}" 2>/dev/null)}}"; do
    case $line in
      :0) files=yes ;;
      :*|'') ;;
      *$'\\t'*) found+=("${{${{line%%$'\\t'*}}//:/\\\\:}}:${{line#*$'\\t'}}") ;;
      *) found+=("${{line//:/\\\\:}}") ;;
    esac
  done
  if (( $#found )); then
    _describe ingress-canary found
  elif [[ -n $files ]]; then
    _files
  fi
}}
if [[ $funcstack[1] == _ingress* ]]; then
  _ingress_canary "$@"
else
  compdef _ingress_canary {PROGRAMS}
fi
"""
FISH = f"""\
# completion of ingress-canary for fish
function __ingress_canary
  set -l words (commandline -opc)
  for line in ($words[1] {ASKED} $words[2..] (commandline -ct) 2>/dev/null)
    switch $line
      case :0
        __fish_complete_path (commandline -ct)
      case ':*'
      case '*'
        echo $line
    end
  end
end
complete -c ingress-canary -f -a '(__ingress_canary)'
complete -c kubectl-icanary -f -a '(__ingress_canary)'
"""
KUBECTL = f"""\
#!/bin/sh
# completion of `kubectl icanary`: an executable file kubectl_complete-icanary on PATH
exec kubectl-icanary {ASKED} "$@"
"""


class Shell(StrEnum):
    """The value of the argument."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"
    KUBECTL = "kubectl"


SCRIPTS = {Shell.BASH: BASH, Shell.ZSH: ZSH, Shell.FISH: FISH, Shell.KUBECTL: KUBECTL}


def completion(
    shell: Annotated[Shell, typer.Argument(help="The shell; kubectl completes kubectl icanary.")],
) -> None:
    """Print the script that completes commands, options and names: source <(ingress-canary completion bash)."""
    print(SCRIPTS[shell], end="")
