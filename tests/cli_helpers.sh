# cli_helpers.sh: what the tests of the `clact` command share; sourced by a script whose first argument is its path. It goes
# to a folder of its own, which is removed in the end.

case $1 in
/*) clact=$1 ;;
*) clact=$PWD/$1 ;;
esac
here=$(mktemp -d) || exit 2
trap 'rm -rf "$here"' EXIT
cd "$here" || exit 2
unset CLACT_DEVICE CLACT_CPU
passed=0
failed=0

# ---- Helpers ----

# Writes and prints .npy files byte by byte: npy.py make FILE DESCR SHAPE VALUE..., show FILE.
# The type is one of numpy's, or bf16 (written as <V2) or bf16u (as <u2).
cat >npy.py <<'EOF'
import ast, struct, sys

def pack(kind, value):
    if kind.startswith('bf16'):
        return struct.pack('<f', value)[2:]
    if kind in ('|b1', '|u1'):
        return bytes([int(value)])
    if kind == '|i1':
        return struct.pack('b', int(value))
    return struct.pack({'<f2': '<e', '<f4': '<f', '<f8': '<d'}[kind], value)

def unpack(kind, data):
    if kind == '<V2':
        return struct.unpack('<f', b'\0\0' + data)[0]
    return struct.unpack({'<f2': '<e', '<f4': '<f', '<f8': '<d', '|i1': 'b', '|u1': 'B'}[kind], data)[0]

def make(path, kind, shape, *values):
    descr = {'bf16': '<V2', 'bf16u': '<u2'}.get(kind, kind)
    text = "{'descr': '%s', 'fortran_order': False, 'shape': %s, }" % (descr, shape)
    text += ' ' * (63 - (10 + len(text)) % 64) + '\n'
    data = b''.join(pack(kind, float(v)) for v in values)
    with open(path, 'wb') as f:
        f.write(b'\x93NUMPY\1\0' + struct.pack('<H', len(text)) + text.encode() + data)

def show(path):
    raw = open(path, 'rb').read()
    length = struct.unpack('<H', raw[8:10])[0]
    assert raw[:8] == b'\x93NUMPY\1\0' and (10 + length) % 64 == 0
    assert raw[9 + length:10 + length] == b'\n'
    head = ast.literal_eval(raw[10:10 + length].decode())
    assert list(head) == ['descr', 'fortran_order', 'shape'] and head['fortran_order'] is False
    size = {'<f2': 2, '<V2': 2, '<f4': 4, '<f8': 8, '|i1': 1, '|u1': 1}[head['descr']]
    data = raw[10 + length:]
    values = [unpack(head['descr'], data[i:i + size]) for i in range(0, len(data), size)]
    print(head['descr'], head['shape'], *('%g' % v for v in values))

globals()[sys.argv[1]](*sys.argv[2:])
EOF

# on_terminal LINES COLUMNS COMMAND...: runs the command on a terminal of that size; out is what it showed there. The end of it is a mark that is
# written when the command has ended: a terminal that is closed may be read as ended before all of it was read.
cat >terminal.py <<'EOF'
import fcntl, os, struct, subprocess, sys, termios, threading

lines, columns, *command = sys.argv[1:]
terminal, inside = os.openpty()
fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack('4H', int(lines), int(columns), 0, 0))
program = subprocess.Popen(command, stdin=inside, stdout=inside, stderr=inside)
threading.Thread(target=lambda: (program.wait(), os.write(inside, b'\0'))).start()
shown = b''
while not shown.endswith(b'\0'):
    shown += os.read(terminal, 65536)
sys.stdout.buffer.write(shown[:-1])
sys.exit(program.returncode)
EOF
on_terminal() { TERM=xterm python3 terminal.py "$@" >out 2>err; }

make() {
    python3 npy.py make "$@"
}

pass() {
    passed=$((passed + 1))
}

fault() {
    failed=$((failed + 1))
    echo "FAIL: $*"
    sed 's/^/  stderr: /' err
}

# run CODE ARGUMENT...: runs clact, and expects the exit code.
run() {
    code=$1
    shift
    what="clact $*"
    "$clact" "$@" >out 2>err </dev/null
    got=$?
    if [ $got -eq "$code" ]; then pass; else fault "$what: exit code $got, not $code"; fi
}

# The last run printed TEXT on stderr, in one line that begins with "clact: ".
says() {
    lines=$(wc -l <err)
    if grep -qF -- "$1" err && grep -q '^clact: ' err && [ "$lines" -eq 1 ]; then
        pass
    else
        fault "$what: no single sentence with '$1'"
    fi
}

# refuses CODE TEXT ARGUMENT...: exit code, sentence, nothing on stdout.
refuses() {
    text=$2
    code=$1
    shift 2
    run "$code" "$@"
    says "$text"
    if [ -s out ]; then fault "$what: printed on stdout"; else pass; fi
}

# shows FILE TEXT: the file holds this type, shape and values.
shows() {
    got=$(python3 npy.py show "$1" 2>&1)
    if [ "$got" = "$2" ]; then pass; else fault "$what: $1 is '$got', not '$2'"; fi
}

prints() {
    if grep -qF -- "$1" out; then
        pass
    else
        fault "$what: no '$1' on stdout"
        sed 's/^/  stdout: /' out
    fi
}

silent() {
    if [ -s err ]; then fault "$what: spoke on stderr"; else pass; fi
}

# expect WHAT COMMAND...: the command succeeds.
expect() {
    what=$1
    shift
    if "$@" >out 2>err; then pass; else fault "$what"; fi
}

# json EXPRESSION: true of the document d on stdout; a has the activations of `list` by name.
json() {
    if python3 -c "
import json, sys
d = json.load(open('out'))
a = {x['name']: x for x in d.get('activations', [])}
sys.exit(not ($1))" 2>err; then
        pass
    else
        fault "$what: not $1"
    fi
}
