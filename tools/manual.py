#!/usr/bin/env python3
"""manual.py VERSION HEADER EXAMPLE OUT: the page of section 3 of a public header: its rules, its calls with what it says
of them, and a program. That of clact.h has the statuses, too. Structs, and what is said of them, are left to the header."""
import os
import re
import sys
import textwrap

sys.dont_write_bytecode = True # the source tree stays as it is
import roff

version, header, example, out = sys.argv[1:]
name = os.path.splitext(os.path.basename(header))[0]
COMMENT = re.compile(r"/\*(.*?)\*/", re.S)
CALL = re.compile(r"(?:/\*((?:(?!\*/).)*)\*/\n)?^(?:CLACT_API|static inline) ([^;{]*?)\s*[;{]", re.M | re.S)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def blocks(comment):
    """Of a comment: (kind, lines), the kind being text, item (behind a dash) or code (indented)."""
    kind, block = "text", []
    for line in [re.sub(r"^ \* ?", "", line).rstrip() for line in comment.strip().splitlines()] + [""]:
        new = "item" if re.match(r" *- ", line) else "code" if line.startswith("    ") and kind != "item" else \
            kind if line.startswith(" ") else "text"
        if block and (not line or new != kind or re.match(r" *- ", line)):
            yield kind, block
            block = []
        if line:
            kind = new
            block.append(line)


def body(found):
    for kind, block in found:
        text = " ".join(line.strip() for line in block)
        if kind == "code":
            yield from [".PP", *roff.code(textwrap.dedent("\n".join(block)).splitlines())]
        else:
            yield from [".IP \\(bu 2" if kind == "item" else ".PP", *roff.lines(text.removeprefix("- "))]


def prototype(call):
    """In lines that end behind a parameter."""
    whole = re.sub(r"(?<!,) ", "\0", " ".join(call.split()) + ";")
    for line in textwrap.wrap(whole, 76, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False):
        yield "\\fB" + roff.roff(line.replace("\0", " ")) + "\\fR"


def calls(text):
    """Calls without an empty line between them share the comment before the first one, where they return alike."""
    for part in text.split("\n\n"):
        title = re.search(r"/\* ---- (.*?) -+ \*/", part)
        if title:
            yield f'.SS "{roff.roff(title[1])}"'
        groups = []
        for comment, call in CALL.findall(part):
            if comment or not groups or call.split()[0] != groups[-1][1][-1].split()[0]:
                groups.append((comment, []))
            groups[-1][1].append(call)
        for comment, group in groups:
            yield from [".PP", ".nf", *(line for call in group for line in prototype(call)), ".fi"]
            yield from [".RS 4", *body(blocks(comment)), ".RE"] if comment else []


def statuses(text):
    enum = re.search(r"typedef enum clact_status \{(.*?)\}", text, re.S)[1]
    for status, meaning in re.findall(r"^ +(CLACT_\w+) = -?\d+,? *(?:/\* (.*) \*/)?$", enum, re.M):
        yield from [".TP", f".B {status}", *roff.lines(meaning or "done")]


def page(text):
    opening, _, rest = text.partition("*/")
    first, *rules = blocks(opening.partition(": ")[2])
    about = " ".join(line.strip() for line in first[1])
    rules = [("text", [about[0].upper() + about[1:]]), *rules] if ":" in about else rules
    of_threads = [rule for rule in rules if name == "clact" and re.search(r"\bthreads?\b", " ".join(rule[1]))]
    package = "clact-nn" if name == "nn" else "clact"
    yield from roff.head("clact" if name == "clact" else f"clact-{name}", "3", version, re.split(r": |\.$", about)[0])
    yield from [".SH SYNOPSIS", ".nf", f".B #include <clact/{name}.h>", ".PP"]
    yield from [f"cc program.c $(pkg\\-config \\-\\-cflags \\-\\-libs {roff.roff(package)})", ".fi", ".SH DESCRIPTION"]
    yield from list(body(rule for rule in rules if rule not in of_threads))
    yield from [".SH CALLS", *calls(rest)]
    if name == "clact":
        yield from [".SH RETURN VALUE", *roff.lines("A clact_status, of calls that can fail:"), *statuses(rest)]
    yield from [".SH THREADS", *body(of_threads)] if of_threads else []
    yield from [".SH EXAMPLE", *roff.code(COMMENT.sub("", read(example), 1).strip().splitlines())] if example else []
    others = [other for other in ("clact", "clact-opencl", "clact-custom", "clact-nn") if not other.endswith(name)]
    yield from roff.see_also(["clact(1)"] + [other + "(3)" for other in others])


roff.write(out, page(read(header).partition("#endif /* CLACT_CUSTOM_H */")[0]))
