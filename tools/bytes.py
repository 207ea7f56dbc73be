#!/usr/bin/env python3
"""bytes.py NAME FILE.npy OUT.h: the bytes of a matrix of u8 as an array in C, NAME_rows, with NAME_ROWS and NAME_COLUMNS."""
import ast
import struct
import sys

name, source, out = sys.argv[1:]
with open(source, "rb") as f:
    data = f.read()
length = struct.unpack("<H", data[8:10])[0]
head = ast.literal_eval(data[10:10 + length].decode("ascii"))
assert head["descr"] == "|u1" and not head["fortran_order"], head
rows, columns = head["shape"]
values = data[10 + length:]
assert len(values) == rows * columns
with open(out, "w", encoding="ascii") as f:
    f.write(f"enum {{ {name.upper()}_ROWS = {rows}, {name.upper()}_COLUMNS = {columns} }};\n")
    f.write(f"static const unsigned char {name}_rows[] = {{\n")
    for i in range(0, len(values), 32):
        f.write(",".join(map(str, values[i:i + 32])) + ",\n")
    f.write("};\n")
