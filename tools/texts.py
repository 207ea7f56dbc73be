#!/usr/bin/env python3
"""texts.py OUT FILE...: for each row of activations.def, the hash of the text in cl/ that its results come from:

    TEXT(name, semantics, "0123456789abcdef", ...)

with a hash for each type: f32, f16, bf16, f64. That text is the row's functions, those of the loop around them
(gradient, and the type's load and store), and whatever they reach, without comments and layout; INLINE, which says
where functions go, is none of it. A measurement holds as long as it is the same."""
import hashlib
import os
import re
import sys

out, files = sys.argv[1], sys.argv[2:]
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
START = re.compile(r"^(?=INLINE |#define |typedef )", re.M)
NAME = re.compile(r"INLINE [\w ]*?(\w+)\(|#define (\w+)|typedef (?:struct \{[^}]*\} )?[^;{]*?(\w+);", re.S)

pieces = {}  # name: the texts that define it
for path in sorted(files):
    if not path.endswith(".h"):
        continue
    text = re.sub(r"^#include.*\n", "", COMMENT.sub(" ", open(path).read()), flags=re.M)
    for piece in START.split(text)[1:]:
        name = next(filter(None, NAME.match(piece).groups()))
        pieces.setdefault(name, []).append(" ".join(piece.split()))


def text_hash(dtype, *roots):
    reached, todo = {"INLINE"}, ["gradient", "load_" + dtype, "store_" + dtype, *roots]
    while todo:
        name = todo.pop()
        if name in pieces and name not in reached:
            reached.add(name)
            for piece in pieces[name]:
                todo += re.findall(r"[A-Za-z_]\w*", piece)
    text = "\n".join(piece for name in sorted(reached - {"INLINE"}) for piece in pieces[name])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def hashes(*roots):
    return ", ".join(f'"{text_hash(dtype, *roots)}"' for dtype in ("f32", "f16", "bf16", "f64"))


listed = COMMENT.sub(" ", open(next(f for f in files if os.path.basename(f) == "activations.def")).read())
with open(out, "w") as h:
    h.write("/* Made by tools/texts.py from cl/. */\n")
    for name, twin in re.findall(r"^ACTIVATION\(\d+, (\w+), (\w+)", listed, re.M):
        h.write(f'TEXT({name}, DOCUMENTED, {hashes(name + "_f", name + "_d")})\n')
        if twin == "TENSORFLOW":
            h.write(f'TEXT({name}, TENSORFLOW, {hashes(name + "_tf_f", name + "_tf_g")})\n')
