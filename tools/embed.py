#!/usr/bin/env python3
"""embed.py OUT FILE...: writes the files of cl/ as C, a string a line (a longer one would not be portable)."""
import os
import sys

out, files = sys.argv[1], sys.argv[2:]
with open(out, "w") as c:
    c.write("/* Made by tools/embed.py from cl/. */\n#include \"opencl/text.h\"\n\n")
    for path in files:
        name = os.path.basename(path).replace(".", "_")
        c.write(f"static const char *const {name}[] = {{\n")
        for line in open(path):
            text = line.replace("\\", "\\\\").replace('"', '\\"').rstrip("\n")
            c.write(f'    "{text}\\n",\n')
        c.write("    0,\n};\n\n")
    c.write("const struct clact_text clact_texts[] = {\n")
    for path in files:
        name = os.path.basename(path)
        c.write(f'    {{"{name}", {name.replace(".", "_")}}},\n')
    c.write("    {0, 0},\n};\n")
