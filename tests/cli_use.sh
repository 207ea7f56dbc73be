#!/bin/sh
# cli_use.sh: the `clact` command as it is used: help, misspellings, terminals, pipes, interruption, documents for
# scripts, and arrays that are larger than memory.
# Usage: cli_use.sh PATH_OF_CLACT SOURCE_ROOT

root=$2
. "$(dirname "$0")/cli_helpers.sh"
export CLACT_DEVICE=cpu
make x.npy '<f4' '(2, 3)' -2 -1 0 1 2 3
make one.npy '<f4' '(6,)' 1 1 1 1 1 1

# ---- Help ----

commands=$("$clact" help | sed -nE 's/^  ([a-z]+)  .*/\1/p')
expect "there are commands" test "$(echo "$commands" | wc -l)" -ge 9
for c in $commands; do
    run 0 help "$c"
    prints "Usage: clact $c"
    prints "xample"
    prints " clact $c "
    cp out helped
    run 0 "$c" --help
    cp out again
    expect "the same help of $c" cmp again helped
    expect "no example of $c is wrapped" awk '/^Example/ { on = 1; next } on && !/^  clact / { exit 1 }' helped
done

# ---- Misspellings ----

refuses 64 "did you mean 'check'?" chekc
refuses 64 "did you mean '--version'?" --versoin
refuses 64 "did you mean 'devices'?" help device
refuses 64 "did you mean 'sigmoid'?" check sigmoud
refuses 64 "there is no option '--jsom'; did you mean '--json'?" list --jsom
refuses 64 "there is no option '--gradiant=one.npy'; did you mean '--gradient'?" \
    apply relu --gradiant=one.npy x.npy -o y.npy
refuses 64 "did you mean '--negative-slope'?" apply relu --negativ-slope=1 x.npy -o y.npy
refuses 64 "relu takes --negative-slope" apply relu --nosuchthing=1 x.npy -o y.npy
refuses 64 "--dtype is f32, f16, bf16, f64, i8 or u8, not 'fp32'; did you mean 'f32'?" \
    apply relu --dtype=fp32 x.npy -o y.npy
refuses 64 "--semantics is documented or tensorflow, not 'tensorflwo'; did you mean 'tensorflow'?" \
    apply relu --semantics=tensorflwo x.npy -o y.npy
refuses 64 "--halves is first or second, not 'frist'; did you mean 'first'?" apply glu --halves=frist x.npy -o y.npy
refuses 64 "--cpu is baseline, avx2, avx512 or neon, not 'avx-512'; did you mean 'avx512'?" check relu --cpu=avx-512
refuses 64 "is show, clear or verify, not 'verfy'; did you mean 'verify'?" cache verfy
refuses 64 "--types does not know 'fp16'; did you mean 'f16'?" kernels relu --types=fp16
refuses 3 "did you mean 'opencl'?" apply relu --device=opncl x.npy -o y.npy
refuses 3 "did you mean 'gpu'?" check relu --device=pgu
run 3 devices --device=acelerator
says "did you mean 'accelerator'?"
run 3 devices --device=zzzzzzzz
if grep -q "did you mean" err; then fault "$what: a suggestion far off"; else pass; fi
run 3 devices --device=accelerator # there is none where tests run
if grep -q "did you mean" err; then fault "$what: the word itself is suggested"; else pass; fi
refuses 64 "--saved is x or y, not 'z' (see" apply relu --saved=z x.npy -o y.npy

# ---- Terminals ----

shown() { on_terminal 24 80 "$@"; }
escape=$(printf '\033')
what="a verdict on a terminal"
shown "$clact" check relu --samples=1000
prints "$escape[32mOK$escape[0m"
what="a failure on a terminal"
shown "$clact" nosuchcommand
prints "$escape[1;31mclact:$escape[0m there is no command"
what="a warning on a terminal"
shown "$clact" apply relu x.npy -o y.npy --verbose
prints "clact: ran on"
for plain in NO_COLOR=1 TERM=dumb; do
    what="$plain"
    shown env "$plain" "$clact" check relu --samples=1000
    prints "OK"
    if grep -q "$escape" out; then fault "coloured with $plain"; else pass; fi
done
NO_COLOR='' shown "$clact" check relu --samples=1000
what="an empty NO_COLOR"
prints "$escape[32mOK"
run 0 check relu --samples=1000
if grep -q "$escape" out err; then fault "coloured in a file"; else pass; fi
what="progress"
shown "$clact" check gelu --dtype=f64 --threads=1 --samples=1500000
left='gelu (forward|derivative), row [12] of 2: [0-9]+ %, [0-9]+ s left'
if grep -qE "$left" out; then pass; else fault "no time left"; fi
run 0 check gelu --dtype=f64 --threads=1 --samples=1500000
silent
what="progress of bench"
shown "$clact" bench relu elu --size=1Ki,64Ki --rounds=200 --threads=1
if grep -qE '(relu|elu), [2-8] of 8: [0-9]+ %, [0-9]+ s left' out; then pass; else fault "no time left"; fi
if [ "$commands" != "${commands#*train}" ] && "$clact" help train | grep -q -- --epochs; then
    what="progress of training"
    shown "$clact" train digits --epochs=250
    if grep -qE "relu, epoch [0-9]+ of 250: [0-9]+ %, [0-9]+ s left" out; then pass; else fault "no time left"; fi
fi

# ---- Pipes ----

# One file of each kind is standard input, the result standard output.
make slopes.npy '<f4' '(3,)' 0.5 0.25 2
make mask.npy '|b1' '(3,)' 1 1 0
piped() { # WHAT FILE SHOWN ARGUMENT...: the file goes to standard input
    what=$1 file=$2 wanted=$3
    shift 3
    "$clact" "$@" <"$file" 2>err | cat >y.npy
    shows y.npy "$wanted"
    silent
}
piped "x" x.npy "<f4 (2, 3) 0 0 0 1 2 3" apply relu - -o -
piped "a parameter" slopes.npy "<f4 (2, 3) -1 -0.25 0 1 2 3" apply prelu --slope=- x.npy -o -
piped "a mask" mask.npy "<f4 (2, 3) 0.268941 0.731059 0 0.268941 0.731059 0" apply softmax --mask=- x.npy -o -
piped "a gate" x.npy "<f4 (2, 3) -0 -0 0 1 4 9" apply relu --gate=- x.npy -o -
piped "a gradient" x.npy "<f4 (2, 3) 0 0 0 1 2 3" apply relu --gradient=- x.npy -o -
piped "the gradient of a parameter" x.npy "<f4 () 5" apply prelu --gradient=- --param-gradient=slope:- x.npy
refuses 64 "standard input cannot be several of" apply prelu --slope=- - -o y.npy
refuses 64 "standard output cannot take several" apply prelu --gradient=x.npy --param-gradient=slope:- x.npy -o -
refuses 64 "--resume takes a file" check relu --resume=-
if "$clact" help train | grep -q -- --epochs; then
    run 0 train --epochs=1 -o model
    "$clact" train --epochs=1 -o - 2>said | cat >again
    expect "a model through a pipe" cmp model again
    expect "the words are not among it" grep -q 'test accuracy' said
    refuses 64 "both the model and --json" train --epochs=1 -o - --json
fi
if CLACT_DEVICE=opencl "$clact" devices >/dev/null 2>&1; then
    CLACT_DEVICE=opencl TMPDIR=$here "$clact" pack relu -o - 2>said | cat >relu.pack
    expect "a pack through a pipe" test "$(head -c 8 relu.pack)" = clactpak
    expect "the words are not among it" grep -q 'standard output: 1 activation for' said
fi
head -c 2000 /dev/zero >zeros
make large.npy '<f4' '(1000,)'
{ cat large.npy; head -c 3990 /dev/zero; } >short.npy
{ cat large.npy; head -c 4001 /dev/zero; } >long.npy
for kind in short long; do
    what="$kind through a pipe"
    cat $kind.npy | "$clact" apply relu - -o none.npy 2>err
    says "is too $kind"
    expect "nothing is left of it" test ! -e none.npy
    run 2 apply relu $kind.npy -o none.npy
    says "need 4000 bytes of data, not $(($(wc -c <$kind.npy) - $(wc -c <large.npy)))"
done

# ---- Interruption ----

# In the middle of its input the command is stopped by the signal, and the input goes on no more.
cat >interrupt.py <<'END'
import glob, signal, subprocess, sys, time
clact, number = sys.argv[1], int(sys.argv[2])
text = b"{'descr': '<f4', 'fortran_order': False, 'shape': (9000000,), }".ljust(117) + b'\n'
p = subprocess.Popen([clact, 'apply', 'relu', '-', '-o', 'stopped.npy'], stdin=subprocess.PIPE,
                     preexec_fn=lambda: signal.signal(number, signal.SIG_DFL)) # nohup has a program ignore it
p.stdin.write(b'\x93NUMPY\1\0' + bytes([118, 0]) + text + bytes(4 * 2**21))
p.stdin.flush()
for _ in range(200):
    if glob.glob('.stopped.npy.*'):
        break
    time.sleep(0.05)
else:
    sys.exit('there is no temporary file')
p.send_signal(number)
if p.wait(10) != -number:
    sys.exit('it ended in %d' % p.returncode)
left = glob.glob('.stopped*') + glob.glob('stopped*')
sys.exit('left over: %s' % left if left else 0)
END
for number in 2 15 1; do
    expect "signal $number" python3 interrupt.py "$clact" $number
done

# ---- Arrays in pieces ----

# Made from the same bytes: an array, its first part, which is one piece, and the rest.
cat >pieces.py <<'END'
import random, struct, sys
name, kind, size, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
mask = {2: b'\xff\xbf', 4: b'\xff\xff\xff\xbf'}[size] * count # all finite, less than 2
data = int.from_bytes(random.Random(name).randbytes(size * count), 'little') & int.from_bytes(mask, 'little')
data = data.to_bytes(size * count, 'little')
for path, part in ((name, data), (name + '1', data[:size << 21]), (name + '2', data[size << 21:])):
    text = "{'descr': '%s', 'fortran_order': False, 'shape': (%d,), }" % (kind, len(part) // size)
    text = text.ljust(117) + '\n'
    open(path + '.npy', 'wb').write(b'\x93NUMPY\1\0' + struct.pack('<H', 118) + text.encode() + part)
END
python3 pieces.py p '<f4' 4 2100001
python3 pieces.py q '<f2' 2 2100001
data() { tail -c +129 "$1"; }
alike() { # WHAT: the results of both parts are that of the whole
    { data r1.npy; data r2.npy; } >parts
    data r.npy >whole
    expect "$1" cmp parts whole
}
for i in '' 1 2; do run 0 apply tanh p$i.npy -o r$i.npy; done
alike "forward"
for i in '' 1 2; do run 0 apply gelu --dtype=f32 q$i.npy -o r$i.npy; done
alike "converted"
for i in '' 1 2; do run 0 apply sigmoid --gradient=q$i.npy p$i.npy -o r$i.npy; done
alike "a gradient"
run 0 apply dropout --training --seed=3 --offset=7 p.npy -o r.npy
run 0 apply dropout --training --seed=3 --offset=7 p1.npy -o r1.npy
run 0 apply dropout --training --seed=3 --offset=$((7 + 2097152 / 4)) p2.npy -o r2.npy
alike "noise goes on from piece to piece"
run 0 apply dropout --training --seed=3 --offset=7 --gradient=p.npy p.npy -o r1.npy
expect "and is the same in the gradient" cmp r.npy r1.npy
cp p.npy in_place.npy
run 0 apply tanh in_place.npy -o in_place.npy
run 0 apply tanh p.npy -o r.npy
expect "in place" cmp in_place.npy r.npy

# Its input ends where the second piece begins: what was written by then goes.
make cut.npy '<f4' '(2100001,)'
what="cut behind a piece"
{ cat cut.npy; head -c 8388608 /dev/zero; } | "$clact" apply relu - -o none.npy 2>err
says "is too short: its shape and type need 8400004 bytes of data, not 8388608"
expect "nothing is left of the first piece" test -z "$(find . -name '*none.npy*')"

# 256 MiB in 160: zeros that take no room on the disk.
make vast.npy '<f4' '(67108864,)'
truncate -s $((128 + 268435456)) vast.npy
what="more than memory"
limited() { (ulimit -v 163840 && "$clact" apply "$@" --threads=1) 2>err; }
if limited relu vast.npy -o /dev/null; then pass; else fault "$what"; fi
what="more than memory, through a pipe, with a gradient"
if limited relu --gradient=vast.npy - -o - <vast.npy | cmp - vast.npy; then pass; else fault "$what"; fi
what="the limit is one"
if limited softmax vast.npy -o /dev/null; then fault "$what"; else pass; fi
rm -f vast.npy ./*.npy

# ---- Documents for scripts ----

run 0 list --csv
cp out list.csv
run 0 list --json
cp out list.json
run 0 devices --csv
cp out devices.csv
run 0 devices --json
cp out devices.json
run 0 check elu relu --alpha=2 --samples=1000 --csv
cp out check.csv
run 0 check elu relu --alpha=2 --samples=1000 --json
cp out check.json
run 0 bench relu --size=64 --rounds=3 --json
cp out bench-old.json
run 0 bench relu --size=64 --rounds=3 --csv --compare=bench-old.json
cp out bench.csv
run 0 bench relu --size=64 --rounds=3 --json --compare=bench-old.json
cp out bench.json
for action in show clear verify; do
    CLACT_CACHE_DIR=$here/cache run 0 cache $action --json
    cp out cache-$action.json
done
if "$clact" help train | grep -q -- --epochs; then
    run 0 train --epochs=1 --json
    cp out train.json
fi
cat >documents.py <<'END'
import csv, glob, json, re, sys

told = set(re.findall(r'`([a-z_0-9]+)`', open(sys.argv[1]).read()))

def fields(value, free=()):
    if isinstance(value, list):
        return set().union(*(fields(v) for v in value))
    if not isinstance(value, dict):
        return set()
    return set(value).union(*(fields(v) for k, v in value.items() if k != 'parameters' or isinstance(v, list)))

def text(value):
    if isinstance(value, list):
        return ' '.join(map(text, value))
    if isinstance(value, dict):
        return ' '.join(k + '=' + text(v) for k, v in value.items())
    if value is None or isinstance(value, str):
        return value or ''
    return str(value).lower() if isinstance(value, bool) else float(value)

def field(o, column):
    """The value in o; special_wrong is a field within a field."""
    if column in o:
        return o[column]
    outer = next(k for k, v in o.items() if isinstance(v, dict) and column.startswith(k + '_'))
    return o[outer][column[len(outer) + 1:]]

wrong = []
documents = {path[:-5]: json.load(open(path)) for path in glob.glob('*.json')}
for name, document in documents.items():
    wrong += ['%s: %s is not told of' % (name, f) for f in sorted(fields(document) - told)]
    if document['schema'] != 1:
        wrong.append(name + ': another schema')
for name, rows in (('list', 'activations'), ('devices', 'devices'), ('check', 'rows'),
                   ('bench', 'results')):
    table, objects = list(csv.DictReader(open(name + '.csv', newline=''))), documents[name][rows]
    if len(table) != len(objects) or not table:
        wrong.append('%s: %d lines of %d' % (name, len(table), len(objects)))
    for line, o in zip(table, objects):
        for column, cell in line.items():
            value = field(o, column)
            if name == 'list' and column == 'parameters':
                value = {p['name']: p['default'] if p['default'] == 'none' else '%.17g' % p['default'] for p in value}
                value = {k: v if v == 'none' else text(float(v)) for k, v in value.items()}
                same = dict(x.split('=') for x in cell.split()).keys() == value.keys()
            elif column == 'parameters':
                same = cell == ('alpha=2')
            elif name == 'bench' and (isinstance(value, float) or column.endswith(('copy_by', 'copy_threads', 'verdict'))):
                same = cell != '' # measured again
            else:
                want = text(value)
                same = float(cell) == want if isinstance(want, float) else cell == want
            if not same:
                wrong.append('%s: %s is %r, not %r' % (name, column, cell, value))
for line in sorted(set(wrong)):
    print(line, file=sys.stderr)
sys.exit(bool(wrong))
END
expect "docs/cli.md tells of every field, and CSV is the same" python3 documents.py "$root/docs/cli.md"
what="a CSV of a single line"
expect "lines end in a newline alone" sh -c '! grep -q "$(printf "\r")" list.csv'
refuses 64 "--json and --csv exclude each other" list --json --csv
refuses 64 "there is no option '--csv'" kernels --csv

# ---- What README.md shows ----

# Numbers and devices are those of a machine; the columns and the names are the command's.
head_of() { { grep -E -m 1 "$1" "$2" || echo "none in $2"; } | tr -s ' '; }
shown_head() { # PATTERN ARGUMENT...: the line of the output that begins a table
    pattern=$1
    shift
    run 0 "$@"
    expect "README.md shows the columns of $1" test "$(head_of "$pattern" out)" = "$(head_of "$pattern" "$root/README.md")"
}
shown_head '^INDEX ' devices
shown_head '^NAME ' bench relu --size=64 --rounds=1
shown_head '^activation ' check relu --samples=1000
if "$clact" help train | grep -q -- --epochs; then shown_head '^layer ' train --epochs=1; fi
cut -d , -f 2 list.csv | tail -n +2 | sort >names
sed -nE 's/^\| (piecewise|smooth|gated, [^|]*|along an axis) \| (.*) \|$/\2/p' "$root/README.md" |
    sed 's/, and .*//' | tr ' ' '\n' | sort >told
expect "README.md names every activation" cmp names told

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
