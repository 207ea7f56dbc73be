#!/usr/bin/env python3
"""help.py KIND CLACT OUT...: the man pages, or the completion of a shell, from what CLACT says of itself.

KIND is man, bash, zsh or fish; OUT is clact.1 and a clact-COMMAND.1 for each command, or one file. Read are `clact
help`, the help of each command that it lists, and `clact list`. In the metavariable of an option, words that are
divided by | are all that it takes; so are those in a command's arguments."""
import json
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True # the source tree stays as it is
import roff

kind, clact, *outs = sys.argv[1:]
OPTION = re.compile(r"^ +(?:-(\S), |)--([\w-]+)(?:=(\S+))?(?: {2,}(\S.*))?$")
DEVICES = ["auto", "cpu", "opencl", "gpu", "accelerator"]


def ask(*arguments):
    # Nothing is wrapped, and descriptions begin in one column.
    environment = dict(os.environ, ARGP_HELP_FMT="rmargin=5000,opt-doc-col=60", LC_ALL="C.UTF-8")
    return subprocess.run([clact, *arguments], env=environment, check=True, stdout=subprocess.PIPE).stdout.decode()


class Option:
    def __init__(self, short, name, value, text):
        self.short, self.name, self.value, self.text = short, name, value, text or ""

    def words(self):
        """What it takes, where that can be listed."""
        if not self.value:
            return []
        if self.value == "DEVICE":
            return DEVICES
        if self.value in ("NAME", "NAME,..."):
            return names
        return self.value.split("|") if "|" in self.value else []

    def is_file(self):
        return bool(self.value) and ("FILE" in self.value or ".npy" in self.value)

    def summary(self):
        """Its first clause, for lists in a shell."""
        return re.split(r" [(]|[:;.] ", self.text)[0]


class Command:
    def __init__(self, name, summary):
        self.name, self.summary = name, summary
        self.options, self.groups, before, after = [], [], [], []
        lines = ask("help", name).splitlines()
        self.usage = lines[0].removeprefix("Usage: ").rstrip()
        self.arguments = self.usage.removeprefix(f"clact {name} [OPTION...]").strip()
        for line in lines[1:]:
            found = OPTION.match(line)
            if found:
                self.groups = self.groups or [("", [])]
                self.groups[-1][1].append(Option(*found.groups()))
                self.options.append(self.groups[-1][1][-1])
            elif re.match(r"^ \w.*:$", line):
                self.groups.append((line.strip(), []))
            elif not line.startswith("Mandatory or optional arguments"):
                (after if self.options else before).append(line)
        self.about = "\n".join(before).strip()
        self.more, _, examples = "\n".join(after).partition("Example")
        self.examples = [line.strip() for line in examples.partition(":")[2].splitlines() if line.strip()]
        if not (self.about and self.options and self.examples):
            sys.exit(f"clact help {name} lacks a description, options or examples")

    def words(self):
        """What its arguments may be, files apart."""
        if self.name == "help":
            return [c.name for c in commands]
        if re.search(r"\bNAME\b", self.arguments):
            return names
        return self.arguments.strip("[]").split("|") if "|" in self.arguments else []


page = ask("help").splitlines()
names = [a["name"] for a in json.loads(ask("list", "--json"))["activations"]]
commands = [Command(*found.groups()) for found in (re.match(r"^  (\w+) {2,}(\S.*)$", line) for line in page) if found]
version = ask("--version").split()[1]


# ---- The man pages


def roff_option(option):
    term = (f"\\fB\\-{option.short}\\fR, " if option.short else "") + f"\\fB\\-\\-{roff.roff(option.name)}\\fR"
    yield from [".TP", term + (f"=\\fI{roff.roff(option.value)}\\fR" if option.value else "")]
    yield from roff.lines(option.text)


ENVIRONMENT = {
    "CLACT_DEVICE": "Where to run; see --device.",
    "CLACT_CPU": "The instruction set of the CPU backend: baseline, avx2, avx512 or neon. Default: the best.",
    "CLACT_OPENCL_LIBRARY": "The OpenCL loader, a path, or disabled.",
    "CLACT_CACHE_DIR": "Where compiled programs are kept, or disabled; else $XDG_CACHE_HOME/clact, or ~/.cache/clact.",
    "CLACT_PACK": "A file of programs compiled ahead; see clact pack.",
    "CLACT_BLAS_LIBRARY": "OpenBLAS, a path, or disabled; CLACT_CLBLAST_LIBRARY is the same of CLBlast.",
    "NO_COLOR": "Where it is set and not empty, nothing is coloured on a terminal.",
}


def synopsis(command):
    yield from [".SH SYNOPSIS", f".B clact {command.name}", f"[\\fIOPTION\\fR...] {roff.roff(command.arguments)}".rstrip()]


def man_of(command):
    yield from roff.head(f"clact-{command.name}", "1", version, command.summary)
    yield from synopsis(command)
    yield from [".SH DESCRIPTION", *roff.lines(command.about)]
    yield from [".PP", *roff.lines(command.more.strip())] if command.more.strip() else []
    yield ".SH OPTIONS"
    for title, options in command.groups:
        yield from [f".SS {roff.roff(title.rstrip(':'))}"] if title else []
        for option in options:
            yield from roff_option(option)
    yield from [".SH EXAMPLES", *roff.code(command.examples)]
    yield from roff.see_also(["clact(1)"], "That page has what holds for all commands: the environment and the exit codes.")


def man():
    codes = next(line for line in page if line.startswith("Exit codes: "))
    yield from roff.head("clact", "1", version, page[1].rstrip("."))
    yield from [".SH SYNOPSIS", ".B clact", "\\fICOMMAND\\fR [\\fIOPTION\\fR...] [\\fIARGUMENT\\fR...]", ".br"]
    yield from [".B clact help", "\\fICOMMAND\\fR", ".br", ".B clact \\-\\-version", ".SH DESCRIPTION"]
    yield from roff.lines("What is computed goes to standard output or to the file of -o, what is said to standard "
                          "error. A - instead of a file is standard input or output. Long options may be shortened.")
    yield ".SH COMMANDS"
    for c in commands:
        yield from [".TP", f".BR clact\\-{c.name} (1)", *roff.lines(c.summary)]
    yield from [".SH EXAMPLES", *roff.code(line.strip() for line in page[page.index("Examples:") + 1:])]
    yield ".SH ENVIRONMENT"
    for name, text in ENVIRONMENT.items():
        yield from [".TP", f".B {name}", *roff.lines(text)]
    yield ".SH EXIT STATUS"
    for number, text in re.findall(r"(\d+) ([^,.]+)", codes):
        yield from [".TP", f".B {number}", *roff.lines(text)]
    yield from roff.see_also([f"clact-{c.name}(1)" for c in commands] + ["clact(3)"])


def write_man():
    pages = {"clact.1": man} | {f"clact-{c.name}.1": lambda c=c: man_of(c) for c in commands}
    if sorted(map(os.path.basename, outs)) != sorted(pages):
        sys.exit("clact help lists other commands than tools/meson.build has pages of")
    for out in outs:
        roff.write(out, pages[os.path.basename(out)]())


# ---- Completions

HEAD = "# Completion of clact for {}, made from what it says of itself."


def spaced(words):
    return " ".join(words)


def bash():
    def case(pattern, assignments):
        return f"    {pattern}) {assignments} ;;"

    yield from [HEAD.format("bash"), f'_clact_names="{spaced(names)}"', ""]
    yield "# What the option $2 of the command $1 takes: 0, and words; 1: nothing that is known; 2: a file."
    yield from ["_clact_values()", "{", "    case $1,$2 in"]
    for c in commands:
        for o in c.options:
            for spelled in [f"--{o.name}"] + ([f"-{o.short}"] if o.short and o.value else []):
                if o.is_file():
                    yield case(f"{c.name},{spelled}", "return 2")
                elif o.words():
                    words = "$_clact_names" if o.words() is names else spaced(o.words())
                    yield case(f"{c.name},{spelled}", f"echo {words}")
    yield from ["    *) return 1 ;;", "    esac", "}", "", "# The options of the command $1, and what its arguments may be."]
    yield from ["_clact_options()", "{", "    case $1 in"]
    for c in commands:
        options = [f"--{o.name}" + ("=" if o.value else "") for o in c.options]
        options += [f"-{o.short}" for o in c.options if o.short == "o"]
        yield case(c.name, f'echo "{spaced(options)}"')
    yield from ["    esac", "}", "_clact_arguments()", "{", "    case $1 in"]
    for c in commands:
        words = "$_clact_names" if c.words() is names else spaced(c.words())
        if words:
            yield case(c.name, f"echo {words}")
    yield case("help", f"echo {spaced(c.name for c in commands)}")
    yield from ["    esac", "}", ""]
    yield f"""_clact()
{{
    local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD - 1]}} command=${{COMP_WORDS[1]}} words= code=1
    COMPREPLY=()
    if [[ $COMP_CWORD -eq 1 ]]; then
        COMPREPLY=($(compgen -W "{spaced(c.name for c in commands)} help --help --version" -- "$cur"))
        return
    fi
    if [[ $cur == = || $prev == = ]]; then # the shell divides words at it
        [[ $cur == = ]] && cur= || prev=${{COMP_WORDS[COMP_CWORD - 2]}}
        words=$(_clact_values "$command" "$prev"); code=$(($? & 2))
    elif [[ $prev == -? ]]; then
        words=$(_clact_values "$command" "$prev"); code=$?
    elif [[ $cur == -* ]]; then
        words=$(_clact_options "$command"); code=0
    fi
    if [[ $code -eq 1 ]]; then
        words=$(_clact_arguments "$command")
        [[ $command == apply ]] && code=2
    fi
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
    if [[ $code -eq 2 ]]; then
        compopt -o filenames 2>/dev/null
        COMPREPLY+=($(compgen -f -- "$cur"))
    fi
    [[ ${{#COMPREPLY[@]}} -eq 1 && ${{COMPREPLY[0]}} == --*= ]] && compopt -o nospace 2>/dev/null
    return 0
}}
complete -F _clact clact"""


def zsh_text(text):
    return re.sub(r"([\[\]:\\])", r"\\\1", text).replace("'", "'\\''")


def zsh():
    yield from ["#compdef clact", HEAD.format("zsh"), "local -a clact_names clact_commands"]
    yield from [f"clact_names=({spaced(names)})", "clact_commands=("]
    for c in commands:
        yield f"    '{c.name}:{zsh_text(c.summary)}'"
    yield """    'help:tell about a command'
)
if (( CURRENT == 2 )); then
    _describe command clact_commands
    _arguments '--help[tell about the program]' '--version[print the version]'
    return
fi
shift words
(( CURRENT-- ))
case $words[1] in"""
    for c in commands:
        yield f"{c.name})"
        yield "    _arguments -s \\"
        for o in c.options:
            action = "_files" if o.is_file() else "{compadd -a clact_names}" if o.words() is names else \
                f"({spaced(o.words())})" if o.words() else " "
            value = f":{zsh_text(o.value)}:{action}" if o.value else ""
            about = f"[{zsh_text(o.summary())}]"
            yield f"        '--{o.name}{'=' if value else ''}{about}{value}' \\"
            if o.short and o.short != "?":
                yield f"        '-{o.short}{'+' if value else ''}{about}{value}' \\"
        words = c.words()
        if c.name == "apply":
            yield "        '1:activation:{compadd -a clact_names}' '*:file:_files'"
        elif words is names:
            yield "        '*:activation:{compadd -a clact_names}'"
        else:
            yield f"        '1:what:({spaced(words)})'" if words else "        ':: :'"
        yield "    ;;"
    yield from ["help)", "    _describe command clact_commands", "    ;;", "esac"]


def fish():
    def quoted(text):
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

    every = [c.name for c in commands]
    yield from [HEAD.format("fish"), f"set -l names {spaced(names)}", "complete -c clact -f"]
    for c in commands:
        yield f"complete -c clact -n __fish_use_subcommand -a {c.name} -d {quoted(c.summary)}"
    yield "complete -c clact -n __fish_use_subcommand -a help -d 'tell about a command'"
    yield "complete -c clact -n __fish_use_subcommand -l version -d 'print the version'"
    yield f"complete -c clact -n '__fish_seen_subcommand_from help' -a '{spaced(every)}'"
    for c in commands:
        here = f"complete -c clact -n 'not __fish_seen_subcommand_from help; and __fish_seen_subcommand_from {c.name}'"
        if c.words():
            yield here + (' -a "$names"' if c.words() is names else f" -a '{spaced(c.words())}'")
        if c.name == "apply":
            yield here + " -F"
        for o in c.options:
            words = ' -x -a "$names"' if o.words() is names else f" -x -a '{spaced(o.words())}'" if o.words() else \
                " -r -F" if o.is_file() else " -x" if o.value else ""
            short = f" -s {o.short}" if o.short and o.short != "?" else ""
            yield f"{here}{short} -l {o.name}{words} -d {quoted(o.summary())}"


if kind == "man":
    write_man()
else:
    roff.write(outs[0], {"bash": bash, "zsh": zsh, "fish": fish}[kind]())
