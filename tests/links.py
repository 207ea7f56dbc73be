#!/usr/bin/env python3
"""links.py SOURCE_ROOT: what README.md and docs/*.md name is there.

Links to files and to headings resolve, anchors being made as GitHub makes them; docs/README.md lists every page; every
clact_... and CLACT_... is declared in a public header (design.md: in any), is a string of the sources, as variables of
the environment are, or stands in the build's files; activations and parameters in the tables of coming-from.md are of
cl/activations.def; blocks of diff are parts of a patch in tests/."""
import functools
import glob
import os
import re
import sys

root = sys.argv[1]
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
LINK = re.compile(r"\]\(([^)\s]+)\)")
COMMENT = re.compile(r"/\*.*?\*/", re.S)
# Not what stands behind a -, a . or a /: a file, say. A name before a * stands for several.
NAME = re.compile(r"(?<![\w/.-])(?:clact|CLACT)_\w+(?![\w*-])")
failures = []


def read(*path):
    with open(os.path.join(root, *path), encoding="utf-8") as file:
        return file.read()


def read_all(*patterns):
    return "".join(read(path) for pattern in patterns for path in glob.glob(pattern, root_dir=root, recursive=True))


@functools.lru_cache(None)
def anchors(page):
    """What follows # in links to the headings of a page."""
    found = {}
    for heading in re.findall(r"^#+ +(.*)$", FENCED.sub("", read(page)), re.M):
        name = re.sub(r"[^\w\- ]", "", LINK.sub("]", heading).lower()).replace(" ", "-")
        found[name] = found.get(name, -1) + 1
    return {name if n == 0 else f"{name}-{n}" for name, last in found.items() for n in range(last + 1)}


def check_links(page, text):
    for target in LINK.findall(FENCED.sub("", text)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page
        if not os.path.exists(os.path.join(root, file)):
            failures.append(f"{page}: there is no {file}")
        elif anchor and anchor not in anchors(file):
            failures.append(f"{page}: {file} has no heading for #{anchor}")


def check_diffs(page, text, patches):
    for language, block in FENCED.findall(text):
        if language == "diff" and not any(block in patch for patch in patches):
            failures.append(f"{page}: no patch in tests/ has the diff that begins {block.splitlines()[0]}")


def check_tables(page, text, activations, parameters):
    """The second column has activations in backquotes, and behind "with" their parameters."""
    count = 0
    for cell in re.findall(r"^\|[^|]*\|([^|]*)\|.*\|$", text, re.M):
        what, _, given = cell.partition(" with ")
        for words, known, kind in (what, activations, "activation"), (given, parameters, "parameter"):
            for name in re.findall(r"`([a-z]\w*)`", words):
                count += 1
                if name not in known and not NAME.match(name):
                    failures.append(f"{page}: there is no {kind} {name}")
    return count


pages = ["README.md"] + sorted("docs/" + os.path.basename(path) for path in glob.glob(os.path.join(root, "docs", "*.md")))
public = set(NAME.findall(COMMENT.sub("", read_all("include/clact/*.h*"))))
sources = read_all("src/**/*.c", "python/clact.py")
public |= set(re.findall(r"[\"'](CLACT_\w+)[\"']", sources))
public |= set(NAME.findall(read_all("src/meson.build", "src/nn/meson.build", "tools/*.cmake.in")))
private = set(NAME.findall(COMMENT.sub("", read_all("src/**/*.h"))))
rows = read("cl", "activations.def")
activations = set(re.findall(r"^(?:ACTIVATION|COMPOSED)\(\d+, (\w+)", rows, re.M))
parameters = set(re.findall(r"\bPARAMETER\(\d, (\w+)", rows))
patches = [read(path) for path in glob.glob("tests/*.patch", root_dir=root)]

names = 0
for page in pages:
    text = read(page)
    check_links(page, text)
    check_diffs(page, text, patches)
    for name in NAME.findall(text):
        names += 1
        if name not in public and not (page == "docs/design.md" and name in private):
            failures.append(f"{page}: no public header has {name}")
    if page.startswith("docs/") and not page.endswith((".in.md", "/README.md")):
        if f"]({os.path.basename(page)})" not in read("docs", "README.md"):
            failures.append(f"docs/README.md: does not list {page}")
found = check_tables("docs/coming-from.md", read("docs", "coming-from.md"), activations, parameters)
print(*sorted(set(failures)), f"{len(pages)} pages, {names} names of the API, {found} names in tables", sep="\n")
sys.exit(bool(failures) or not (names > 100 and found > 100))
