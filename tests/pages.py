#!/usr/bin/env python3
"""pages.py PAGE FOLDER EXAMPLES: compiles and runs the C programs of a page as it says, and compares what they print.

A program is a block of C with a main(), the block behind it the session: lines that begin with "$ " are commands, the
others what they print. A program is NAME.c where the session compiles NAME.c; a file of that name in EXAMPLES is the
same, but for a first line that says what it is. What needs OpenCL is skipped where there is no device."""
import os
import re
import subprocess
import sys

page, folder, examples = sys.argv[1:]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
CAN_OPENCL = "echo 'int main(void) { return 0; }' | cc -x c - -o /dev/null -lOpenCL && clact devices --device=opencl"

failed = False
shown = BLOCK.findall(open(page).read())
for (language, program), (_, session) in zip(shown, shown[1:] + [("", "")]):
    if language != "c" or "main(" not in program:
        continue
    name = re.search(r"^\$ (?:g?cc|c99)\b.*?(\w+\.c)\b", session, re.M)
    if not name:
        failed = True
        print("a program without the line that compiles it:", program.splitlines()[0])
        continue
    with open(os.path.join(folder, name[1]), "w") as file:
        file.write(program)
    example = os.path.join(examples, name[1])
    if os.path.exists(example) and not re.fullmatch(r"(/\*.*\*/\n)?" + re.escape(program), open(example).read()):
        failed = True
        print(f"{name[1]} is not that of the examples")
    commands, expected = [], []
    for line in session.splitlines():
        (commands if line.startswith("$ ") else expected).append(line.removeprefix("$ "))
    if "-lOpenCL" in session and subprocess.run(["sh", "-c", CAN_OPENCL], capture_output=True).returncode:
        print(f"{name[1]}: skipped, there is no OpenCL device, or no libOpenCL to link with")
        continue
    ran = subprocess.run(["sh", "-ec", "\n".join(commands)], cwd=folder, capture_output=True, text=True)
    if ran.returncode or ran.stderr or ran.stdout.splitlines() != expected:
        failed = True
        print(f"{name[1]}: exit code {ran.returncode}, printed\n{ran.stdout}{ran.stderr}and not\n", *expected, sep="\n")
    else:
        print(f"{name[1]}: as shown")
sys.exit(failed)
