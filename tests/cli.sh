#!/bin/sh
# cli.sh: tests of the `clact` command from outside: results, exit codes, messages, files left over.
# Usage: cli.sh PATH_OF_CLACT

. "$(dirname "$0")/cli_helpers.sh"

# ---- The program ----

run 0 --version
prints "clact "
prints "numerics"
run 0 --help
prints "apply"
run 0 help
prints "bench"
run 0 help check
prints "Usage: clact check"
run 0 check elu --grid --samples=4096 --device=cpu
prints "OK alpha=0.3"
run 0 check elu --alpha=2 --samples=4096 --device=cpu
prints "OK alpha=2"
refuses 64 "parameters of its own" check elu --grid --alpha=2
refuses 64 "--exhaustive is for f32" check elu --exhaustive --dtype=f64
refuses 64 "--dtype is f32, f16, bf16 or f64, not 'u8'" check elu --dtype=u8
for dtype in f16 bf16; do
    run 0 check tanh --dtype=$dtype --samples=1 --device=cpu --json
    json "[(r['dtype'], r['inputs'], r['differing']) for r in d['rows']] == 2 * [('$dtype', 65536, 0)]"
    json "all(0.45 < r['max_ulp'] <= r['bound'] < 0.501 and r['special']['cases'] for r in d['rows'])"
done
run 0 check tanh --dtype=f64 --samples=4096 --device=cpu --json
json "all(r['dtype'] == 'f64' and 0.4 < r['max_ulp'] < r['bound'] == 2 for r in d['rows'])"
for c in devices list apply bench kernels; do
    run 0 help $c
    prints "Usage: clact $c"
    prints "xample"
    run 0 $c --help
    prints "Usage: clact $c"
    silent
done
refuses 64 "a command is missing"
refuses 64 "did you mean 'apply'" aply
refuses 64 "there is no command 'zzzzzzzz'" zzzzzzzz
refuses 64 "there is no option '--zzzzzzzz'" --zzzzzzzz
refuses 64 "there is no command 'zzzzzzzz'" help zzzzzzzz
refuses 64 "one command" help apply list
refuses 64 "not expected" --version x

# ---- list and devices ----

run 0 list
prints "negative_slope=0 max_value=none threshold=0"
prints "thresholded_relu"
silent
run 0 list --json
json "d['schema'] == 1"
json "[a['id'] for a in d['activations']] == sorted(a['id'] for a in d['activations'])"
json "all(a['backward'] in ('x', 'y', 'xy', 'none') for a in d['activations'])"
json "all(a['kind'] in ('elementwise', 'gated', 'rowwise', 'reduce') and a['ulp_forward'] > 0 for a in d['activations'])"
json "a['softmax']['kind'] == 'rowwise' and a['softmax']['backward'] == 'y' and a['hardmax']['backward'] == 'none'"
json "[p['default'] for p in a['relu']['parameters']] == [0, 'none', 0]"
json "(a['relu']['parameters'][0]['min'], a['relu']['parameters'][0]['max']) == (0, None)"
json "a['relu']['parameters'][0]['alias'] == 'alpha' and a['relu']['aliases'] == ['rectifier']"
json "[p['kind'] for p in a['prelu']['parameters']] == ['tensor']"
json "all(x['formula'] and x['derivative'] and x['source'] and x['from_y'] for x in d['activations'])"
json "(a['tanh']['from_y'], a['relu6']['from_y'], a['relu6']['kinks']) == ('0', '1', '0 at 0 and at 6')"
json "a['relu']['semantics'] == ['documented', 'tensorflow']"
json "a['tanh']['semantics'] == ['documented']"
json "a['relu']['backward_from_y'] and not a['tanh']['backward_from_y']"
json "a['identity']['backward'] == 'none' and a['relu']['backward'] == 'x'"
refuses 64 "not expected" list relu
refuses 64 "there is no option '--jsom'" list --jsom
refuses 64 "there is no option '-o'" list -o

run 0 devices
prints "CPU backend"
prints " picks "
run 0 devices --device=cpu
prints '"cpu" picks cpu'
run 0 devices --json
json "d['schema'] == 1 and d['devices'][-1]['backend'] == 'cpu'"
json "d['devices'][-1]['instruction_set'] != ''"
json "d['chosen']['exact'] in ('all', 'normal', 'none', 'unknown')"
json "d['reason'] != '' and d['chosen']['backend'] in ('cpu', 'opencl')"
run 3 devices --device=nosuchdevice
says "nosuchdevice"
prints "CPU backend"
run 3 devices --json --device=nosuchdevice
json "d['chosen'] is None and 'nosuchdevice' in d['reason']"
refuses 64 "not expected" devices cpu
refuses 64 "takes no value" devices --json=yes

# ---- apply: results ----

make x.npy '<f4' '(2, 3)' -2 -1 0 1 2 3
make dy.npy '<f4' '(2, 3)' 10 20 30 40 50 60
run 0 apply relu x.npy -o y.npy
silent
shows y.npy "<f4 (2, 3) 0 0 0 1 2 3"
run 0 apply relu --negative-slope=0.5 --max-value=2 --threshold=1 x.npy -o y.npy
shows y.npy "<f4 (2, 3) -1.5 -1 -0.5 1 2 2"
run 0 apply relu --alpha 0.5 --max-value=none x.npy -o y.npy
shows y.npy "<f4 (2, 3) -1 -0.5 0 1 2 3"
run 0 apply rectifier x.npy --output=y.npy
shows y.npy "<f4 (2, 3) 0 0 0 1 2 3"
refuses 64 "there is no activation" apply x.npy relu -o none.npy
run 0 apply relu --gradient=dy.npy x.npy -o dx.npy
shows dx.npy "<f4 (2, 3) 0 0 0 40 50 60"
run 0 apply relu --gradient=dy.npy --saved=y y.npy -o dx.npy
shows dx.npy "<f4 (2, 3) 0 0 0 40 50 60"
run 0 apply relu --gradient=dy.npy --saved=x x.npy -o dx.npy --device=cpu --threads=1
shows dx.npy "<f4 (2, 3) 0 0 0 40 50 60"
run 0 apply relu --threshold=-1 --unchecked x.npy -o y.npy
shows y.npy "<f4 (2, 3) 0 -1 0 1 2 3"
run 0 apply relu --semantics=tensorflow --threshold=1 x.npy -o y.npy
shows y.npy "<f4 (2, 3) -0 -0 0 0 2 3"
run 0 apply relu --semantics=documented --threshold=1 x.npy -o y.npy
shows y.npy "<f4 (2, 3) 0 0 0 1 2 3"
run 0 apply relu -o y.npy x.npy
shows y.npy "<f4 (2, 3) 0 0 0 1 2 3"
expect "options after names where getopt does not permute" \
    env POSIXLY_CORRECT=1 "$clact" apply relu x.npy -o posix.npy
shows posix.npy "<f4 (2, 3) 0 0 0 1 2 3"
cp x.npy in_place.npy
run 0 apply relu in_place.npy -o in_place.npy
shows in_place.npy "<f4 (2, 3) 0 0 0 1 2 3"

# ---- apply: row-wise ----

make mask.npy '|b1' '(3,)' 1 1 0
make bytes.npy '|u1' '(2, 1)' 1 0
make logits.npy '<f4' '(2, 3)' 1 1 8 2 3 3
make upstream.npy '<f4' '(2, 3)' 1 0 0 0 2 0
make upstream2.npy '<f4' '(3, 2)' 1 0 0 0 2 0
run 0 apply softmax --mask=mask.npy logits.npy -o y.npy
shows y.npy "<f4 (2, 3) 0.5 0.5 0 0.268941 0.731059 0"
run 0 apply softmax --gradient=upstream.npy --saved=y --mask=mask.npy y.npy -o dx.npy
shows dx.npy "<f4 (2, 3) 0.25 -0.25 0 -0.393224 0.393224 0"
run 0 apply hardmax --axis=0 logits.npy -o y.npy
shows y.npy "<f4 (2, 3) 0 0 1 1 1 0"
run 0 apply sparsemax --scale=0.5 --mask=bytes.npy logits.npy -o y.npy
shows y.npy "<f4 (2, 3) 0 0 1 0 0 0"
refuses 64 "made from y" apply softmax --gradient=upstream.npy --saved=x logits.npy -o y.npy
refuses 64 "for row-wise activations" apply relu --mask=mask.npy logits.npy -o y.npy
refuses 2 "a mask is of type" apply softmax --mask=upstream.npy logits.npy -o y.npy
refuses 2 "which is for masks" apply relu mask.npy -o y.npy
refuses 2 "mask has 3 elements along an axis where x has 2" apply softmax --mask=mask.npy upstream2.npy -o y.npy

# ---- apply: parameters in files ----

make three.npy '<f8' '(3,)' 0.5 2 4
make two.npy '<f4' '(2,)' 0.5 2
make one.npy '<f4' '(1,)' 3
make full.npy '<f4' '(2, 1)' 0.5 2
make cube.npy '<f4' '(1, 1, 3)' 1 2 3
make scalar.npy '<f4' '()' -3
run 0 apply prelu --slope=0.5 x.npy -o y.npy
shows y.npy "<f4 (2, 3) -1 -0.5 0 1 2 3"
run 0 apply prelu --slope=three.npy x.npy -o y.npy
shows y.npy "<f4 (2, 3) -1 -2 0 1 2 3"
run 0 apply prelu --slope=three.npy --axis=-1 x.npy -o y.npy
shows y.npy "<f4 (2, 3) -1 -2 0 1 2 3"
run 0 apply prelu --slope=./two.npy --axis=0 x.npy -o y.npy
shows y.npy "<f4 (2, 3) -1 -0.5 0 1 2 3"
run 0 apply prelu --slope=two.npy --axis=-2 x.npy -o y.npy
shows y.npy "<f4 (2, 3) -1 -0.5 0 1 2 3"
run 0 apply prelu --slope=full.npy x.npy -o y.npy
shows y.npy "<f4 (2, 3) -1 -0.5 0 1 2 3"
run 0 apply prelu --slope=one.npy x.npy -o y.npy
shows y.npy "<f4 (2, 3) -6 -3 0 1 2 3"
run 0 apply prelu --slope=scalar.npy scalar.npy -o y.npy
shows y.npy "<f4 () 9"
run 0 apply prelu --slope=three.npy --gradient=dy.npy x.npy -o dx.npy
shows dx.npy "<f4 (2, 3) 5 40 120 40 50 60"
make line.npy '<f4' '(3,)' -1 -1 -1
run 0 apply prelu --slope=three.npy line.npy -o y.npy
shows y.npy "<f4 (3,) -0.5 -2 -4"
refuses 2 "two.npy has 2 elements along axis 1" apply prelu --slope=two.npy x.npy -o none.npy
refuses 2 "cube.npy has 3 dimensions" apply prelu --slope=cube.npy x.npy -o none.npy
refuses 64 "no axis 2" apply prelu --slope=two.npy --axis=2 x.npy -o none.npy
refuses 64 "no axis -3" apply prelu --slope=two.npy --axis=-3 x.npy -o none.npy
refuses 64 "--axis is a whole number" apply prelu --slope=two.npy --axis=one x.npy -o none.npy
refuses 64 "prelu takes --slope" apply prelu --slope=two x.npy -o none.npy
refuses 2 "missing.npy cannot be opened" apply prelu --slope=missing.npy x.npy -o none.npy
refuses 64 "--axis is for a parameter" apply relu --axis=0 x.npy -o none.npy

# ---- apply: gated units, crelu and maxout ----

make wide.npy '<f4' '(2, 4)' 1 2 3 4 -1 -2 -3 -4
make u.npy '<f4' '(2, 2)' 1 2 3 4
make v.npy '<f4' '(2, 2)' -1 0 1 2
run 0 apply reglu wide.npy -o y.npy
shows y.npy "<f4 (2, 2) 3 8 -0 -0"
run 0 apply bilinear --axis=0 wide.npy -o y.npy
shows y.npy "<f4 (1, 4) -1 -4 -9 -16"
run 0 apply relu --halves=second --dtype=f64 wide.npy -o y.npy
shows y.npy "<f8 (2, 2) 3 8 -0 -0"
run 0 apply leaky_relu --negative-slope=0.5 --gate=v.npy u.npy -o y.npy
shows y.npy "<f4 (2, 2) -0.5 0 3 8"
run 0 apply reglu --gradient=u.npy wide.npy -o dx.npy
shows dx.npy "<f4 (2, 4) 3 8 1 4 0 0 0 0"
run 0 apply reglu --gate=v.npy --gradient=u.npy --gate-gradient=dv.npy u.npy -o du.npy
shows du.npy "<f4 (2, 2) 0 0 3 8"
shows dv.npy "<f4 (2, 2) 0 0 9 16"
run 0 apply crelu --axis=0 u.npy -o y.npy
shows y.npy "<f4 (4, 2) 1 2 3 4 0 0 0 0"
run 0 apply crelu --axis=0 --saved=y --gradient=y.npy y.npy -o dx.npy
shows dx.npy "<f4 (2, 2) 1 2 3 4"
run 0 apply maxout --pieces=2 wide.npy -o y.npy
shows y.npy "<f4 (2, 2) 3 4 -1 -2"
run 0 apply maxout --pieces=4 wide.npy -o y.npy
shows y.npy "<f4 (2, 1) 4 -1"
run 0 apply maxout --pieces=4 --gradient=y.npy wide.npy -o dx.npy
shows dx.npy "<f4 (2, 4) 0 0 0 4 -1 0 0 0"
refuses 64 "crelu cannot gate" apply crelu --gate=v.npy u.npy -o none.npy
refuses 64 "not both" apply reglu --gate=v.npy --halves=first u.npy -o none.npy
refuses 64 "--gate-gradient is for" apply reglu --gate-gradient=dv.npy u.npy -o none.npy
refuses 64 "--halves is first or second" apply glu --halves=third wide.npy -o none.npy
refuses 64 "--pieces is a whole number" apply maxout --pieces=x wide.npy -o none.npy
refuses 64 "no axis 5" apply maxout --axis=5 wide.npy -o none.npy
refuses 64 "standard input cannot be several" apply reglu --gate=- - -o none.npy
refuses 2 "cannot be cut in 3 pieces" apply maxout --pieces=3 wide.npy -o none.npy
refuses 2 "gate must have the shape of x" apply reglu --gate=wide.npy u.npy -o none.npy

# ---- apply: quantised ----

make q.npy '|i1' '(5,)' -4 -2 1 4 127
make bytes.npy '|u1' '(2, 2)' 0 128 129 255
run 0 apply relu --x-scale=0.5 --x-zero=-2 --y-scale=1 --y-zero=3 q.npy -o y.npy
shows y.npy "|i1 (5,) 3 3 5 6 67"
run 0 apply relu --x-scale=0.5 --x-zero=-2 --y-scale=0.125 --dtype=u8 q.npy -o y.npy
shows y.npy "|u1 (5,) 0 0 12 24 255"
run 0 apply sigmoid --x-scale=0.25 --x-zero=128 --y-scale=0.00390625 bytes.npy -o y.npy
shows y.npy "|u1 (2, 2) 0 128 144 255"
run 0 apply leaky_relu --alpha=0.5 --x-scale=1 --x-zero=128 --y-scale=1 --dtype=i8 bytes.npy -o y.npy
shows y.npy "|i1 (2, 2) -64 0 1 127"
run 0 apply relu --semantics=tensorflow --threshold=1 --x-scale=1 --y-scale=1 q.npy -o y.npy
shows y.npy "|i1 (5,) 0 0 0 4 127"
refuses 64 "take both --x-scale and --y-scale" apply relu --x-scale=1 q.npy -o none.npy
refuses 64 "take both --x-scale and --y-scale" apply relu --y-zero=1 q.npy -o none.npy
refuses 64 "--x-scale and --y-scale are missing" apply relu --dtype=i8 q.npy -o none.npy
refuses 64 "not f16" apply relu --x-scale=1 --y-scale=1 --dtype=f16 q.npy -o none.npy
refuses 64 "is a number above 0, not 'one'" apply relu --x-scale=one --y-scale=1 q.npy -o none.npy
refuses 64 "y_scale must be above 0" apply relu --x-scale=1 --y-scale=-1 q.npy -o none.npy
refuses 64 "x_zero must be from -128 to 127" apply relu --x-scale=1 --y-scale=1 --x-zero=128 q.npy -o none.npy
refuses 64 "is a whole number from -128 to 255" apply relu --x-scale=1 --y-scale=1 --x-zero=0.5 q.npy -o none.npy
refuses 64 "only element-wise" apply softmax --x-scale=1 --y-scale=1 q.npy -o none.npy
refuses 64 "gated, silu" apply silu --halves=first --x-scale=1 --y-scale=1 q.npy -o none.npy
refuses 64 "go forward only" apply silu --gradient=q.npy --x-scale=1 --y-scale=1 q.npy -o none.npy
refuses 64 "slope must be a number" apply prelu --slope=q.npy --x-scale=1 --y-scale=1 q.npy -o none.npy
refuses 64 "no random ones" apply dropout --training --x-scale=1 --y-scale=1 q.npy -o none.npy
refuses 2 "for quantised numbers: --x-scale" apply relu q.npy -o none.npy
refuses 2 "for masks and quantised numbers" apply relu bytes.npy -o none.npy
refuses 2 "of type '|i1' or '|u1'" apply relu --x-scale=1 --y-scale=1 x.npy -o none.npy
refuses 2 "of type '|i1' or '|u1'" apply relu --x-scale=1 --y-scale=1 mask.npy -o none.npy

# ---- apply: types ----

make h.npy '<f2' '(4,)' -1 0.5 65504 0.333251953125
make d.npy '<f8' '(3,)' -1 0.1 1e300
make b.npy bf16 '(3,)' -1 0.5 3e38
make u.npy bf16u '(3,)' -1 0.5 3e38
run 0 apply relu h.npy -o y.npy
shows y.npy "<f2 (4,) 0 0.5 65504 0.333252"
run 0 apply relu d.npy -o y.npy
shows y.npy "<f8 (3,) 0 0.1 1e+300"
run 0 apply relu b.npy -o y.npy
shows y.npy "<V2 (3,) 0 0.5 2.99076e+38"
run 0 apply relu --dtype=bf16 u.npy -o y.npy
shows y.npy "<V2 (3,) 0 0.5 2.99076e+38"
run 0 apply relu --dtype=f32 h.npy -o y.npy
shows y.npy "<f4 (4,) 0 0.5 65504 0.333252"
run 0 apply relu --dtype=f16 d.npy -o y.npy
shows y.npy "<f2 (3,) 0 0.0999756 inf"
run 0 apply relu --dtype=f64 b.npy -o y.npy
shows y.npy "<f8 (3,) 0 0.5 2.99076e+38"
run 0 apply relu --dtype=bf16 d.npy -o y.npy
shows y.npy "<V2 (3,) 0 0.100098 inf"
make twice.npy '<f8' '(2,)' 1.0004882812500003 nan # rounded to f32 first, it would become 1
run 0 apply identity --dtype=f16 twice.npy -o y.npy
shows y.npy "<f2 (2,) 1.00098 nan"
make dy3.npy '<f8' '(3,)' 1 2 3
run 0 apply relu --gradient=dy3.npy --dtype=f16 b.npy -o dx.npy
shows dx.npy "<f2 (3,) 0 2 3"
run 0 apply relu --gradient=dy3.npy b.npy -o dx.npy
shows dx.npy "<V2 (3,) 0 2 3"
refuses 2 "--dtype=bf16" apply relu u.npy -o none.npy
refuses 2 "--dtype=bf16" apply relu --dtype=f32 u.npy -o none.npy
refuses 2 "--dtype=bf16" apply relu --gradient=u.npy b.npy -o none.npy
refuses 64 "i8 or u8, not 'int8'" apply relu --dtype=int8 x.npy -o none.npy

# ---- apply: shapes ----

make zero.npy '<f4' '(0,)'
make zeros.npy '<f4' '(3, 0, 2)'
make big.npy '<f4' '(1, 1, 1, 1, 1, 1, 1, 2)' -1 1
run 0 apply relu zero.npy -o y.npy
shows y.npy "<f4 (0,)"
run 0 apply relu zeros.npy --gradient=zeros.npy -o y.npy
shows y.npy "<f4 (3, 0, 2)"
run 0 apply relu scalar.npy -o y.npy
shows y.npy "<f4 () 0"
run 0 apply relu big.npy -o y.npy
shows y.npy "<f4 (1, 1, 1, 1, 1, 1, 1, 2) 0 1"
refuses 2 "dy.npy and line.npy have different shapes" \
    apply relu --gradient=dy.npy line.npy -o none.npy

# ---- apply: standard input and output ----

expect "stdin" sh -c '"$1" apply relu - -o y.npy <x.npy' sh "$clact"
shows y.npy "<f4 (2, 3) 0 0 0 1 2 3"
expect "stdout" sh -c '"$1" apply relu x.npy -o - >y.npy' sh "$clact"
shows y.npy "<f4 (2, 3) 0 0 0 1 2 3"
expect "pipe" sh -c 'cat x.npy | "$1" apply relu - -o - | cat >y.npy' sh "$clact"
shows y.npy "<f4 (2, 3) 0 0 0 1 2 3"
expect "gradient from stdin" \
    sh -c '"$1" apply relu x.npy --gradient=- -o dx.npy <dy.npy' sh "$clact"
shows dx.npy "<f4 (2, 3) 0 0 0 40 50 60"
mkfifo pipe
timeout 20 cat pipe >y.npy &
run 0 apply relu x.npy -o pipe
wait
shows y.npy "<f4 (2, 3) 0 0 0 1 2 3"
expect "the pipe is still one" test -p pipe
run 0 apply relu x.npy -o /dev/null
expect "/dev/null is still a device" test -c /dev/null
refuses 64 "both the input and the gradient" apply relu - --gradient=- -o none.npy
refuses 2 "standard input is empty" apply relu - -o none.npy
what="stdout is full"
"$clact" apply relu x.npy -o - >/dev/full 2>err
if [ $? -eq 2 ]; then pass; else fault "$what: exit code"; fi
says "standard output cannot be written"
"$clact" list >/dev/full 2>err
if [ $? -eq 2 ]; then pass; else fault "$what: exit code of list"; fi
says "standard output cannot be written"
"$clact" list --json >/dev/full 2>err
if [ $? -eq 2 ]; then pass; else fault "$what: exit code of list --json"; fi
says "standard output cannot be written"

run 0 apply tanh --verbose --device=cpu x.npy -o y.npy
says "by the CPU backend"
says "exactness all; the CPU backend was asked for"

# ---- apply: words that are wrong ----

refuses 64 "the name of an activation is missing" apply
refuses 64 "the input file is missing" apply relu
refuses 64 "say where the result goes" apply relu x.npy
refuses 64 "'dy.npy' is not expected" apply relu x.npy dy.npy -o none.npy
refuses 64 "there is no activation 'rleu'; did you mean 'relu'?" apply rleu x.npy -o none.npy
refuses 64 "did you mean 'sigmoid'?" apply sigmod x.npy -o none.npy
refuses 64 "there is no activation 'qqqqqqqq'" apply qqqqqqqq x.npy -o none.npy
refuses 64 "relu takes --negative-slope (or --alpha), --max-value and --threshold" \
    apply relu --theta=1 x.npy -o none.npy
refuses 64 "sigmoid takes no parameters" apply sigmoid --alpha=1 x.npy -o none.npy
refuses 64 "elu takes --alpha" apply elu --nosuch=1 x.npy -o none.npy
refuses 64 "there is no option '--nosuch'" apply --nosuch
refuses 64 "elu takes --alpha" apply elu --alpha=abc x.npy -o none.npy
refuses 64 "a finite number" apply elu --alpha=1x x.npy -o none.npy
refuses 64 "a finite number" apply elu --alpha= x.npy -o none.npy
refuses 64 "a finite number" apply elu '--alpha= 1' x.npy -o none.npy
refuses 64 "a finite number" apply elu --alpha=nan x.npy -o none.npy
refuses 64 "a finite number" apply elu --alpha=1e999 x.npy -o none.npy
refuses 64 "a finite number, not 'none'" apply elu --alpha=none x.npy -o none.npy
refuses 64 "a finite number or none" apply relu --max-value=nothing x.npy -o none.npy
refuses 64 "given twice" apply relu --alpha=1 --negative-slope=1 x.npy -o none.npy
refuses 64 "negative_slope" apply relu --negative-slope=-1 x.npy -o none.npy
refuses 64 "needs a value" apply relu x.npy -o none.npy --alpha
refuses 64 "the option '-o' needs a value" apply relu x.npy -o
refuses 64 "there is no option '-q'" apply relu -q x.npy -o none.npy
refuses 64 "the beginning of several options" apply relu --s=1 x.npy -o none.npy
refuses 64 "there is no option '-q'" apply relu x.npy -q -o none.npy
refuses 64 "there is no option '-qo'" apply relu x.npy -qo none.npy
refuses 64 "takes no value" apply relu --verbose=1 x.npy -o none.npy
refuses 64 "--semantics is documented or tensorflow" apply relu --semantics=jax x.npy -o none.npy
refuses 64 "tanh" apply tanh --semantics=tensorflow x.npy -o none.npy
refuses 64 "--saved is x or y" apply relu --gradient=dy.npy --saved=z x.npy -o none.npy
refuses 64 "--saved is for --gradient" apply relu --saved=y x.npy -o none.npy
refuses 64 "tanh" apply tanh --gradient=dy.npy --saved=y x.npy -o none.npy
refuses 64 "--threads" apply relu --threads=-1 x.npy -o none.npy
refuses 64 "--threads" apply relu --threads=many x.npy -o none.npy
refuses 3 "nosuchdevice" apply relu --device=nosuchdevice x.npy -o none.npy
refuses 3 "99:0" apply relu --device=99:0 x.npy -o none.npy

# ---- apply: files that are wrong ----

refuses 2 "missing.npy cannot be opened" apply relu missing.npy -o none.npy
mkdir folder
refuses 2 "folder cannot be read: Is a directory" apply relu folder -o none.npy
refuses 2 "folder cannot be written: Is a directory" apply relu x.npy -o folder
refuses 2 "no/such cannot be written" apply relu x.npy -o no/such
refuses 2 "/dev/full cannot be written" apply relu x.npy -o /dev/full
: >empty.npy
refuses 2 "empty.npy is empty" apply relu empty.npy -o none.npy
echo "hello" >text.npy
refuses 2 "does not begin with" apply relu text.npy -o none.npy
head -c 100 x.npy >cut.npy
refuses 2 "cut.npy ends inside its header" apply relu cut.npy -o none.npy
head -c 150 x.npy >cut.npy
refuses 2 "need 24 bytes of data, not 22" apply relu cut.npy -o none.npy
{ cat x.npy; printf x; } >long.npy
refuses 2 "need 24 bytes of data, not 25" apply relu long.npy -o none.npy
sed 's/<f4/>f4/' x.npy >wrong.npy
refuses 2 "big-endian" apply relu wrong.npy -o none.npy
sed 's/<f4/<i4/' x.npy >wrong.npy
refuses 2 "has the type '<i4'" apply relu wrong.npy -o none.npy
sed 's/False/True /' x.npy >wrong.npy
refuses 2 "Fortran order" apply relu wrong.npy -o none.npy
make many.npy '<f4' '(1, 1, 1, 1, 1, 1, 1, 1, 1)' 1
refuses 2 "more than 8 dimensions" apply relu many.npy -o none.npy
make huge.npy '<f4' '(4611686018427387904, 4)' 1
refuses 2 "more elements than 64 bits can address" apply relu huge.npy -o none.npy
expect "no output after a failure" test ! -e none.npy
printf old >old.npy
refuses 2 "wrong.npy" apply relu wrong.npy -o old.npy
expect "an old output is kept after a failure" test "$(cat old.npy)" = old

# A file as large as the limit allows: the disk is full.
dd if=/dev/zero bs=1024 count=64 >data 2>/dev/null
make large.npy '<f4' '(16384,)'
cat data >>large.npy
(ulimit -f 8 && "$clact" apply relu large.npy -o none.npy) >out 2>err
if [ $? -eq 2 ]; then pass; else fault "a full disk: exit code"; fi
what="a full disk"
says "none.npy cannot be written"
expect "no output where the disk is full" test ! -e none.npy

run 0 apply relu x.npy -o link_target.npy
ln -s link_target.npy link.npy
run 0 apply tanh x.npy -o link.npy
expect "a link is kept" test -L link.npy
(umask 077 && "$clact" apply relu x.npy -o private.npy)
expect "the rights of a new file follow umask" test "$(stat -c %a private.npy)" = 600

# ---- noise and gradients of parameters ----

make ones.npy '<f4' '(8,)' 1 1 1 1 1 1 1 1
run 0 apply dropout ones.npy -o out.npy
shows out.npy "<f4 (8,) 1 1 1 1 1 1 1 1"
run 0 apply dropout --rate=0.5 --training ones.npy -o out.npy
shows out.npy "<f4 (8,) 0 2 2 2 2 0 2 0"
run 0 apply dropout --rate=0.5 --training --offset=1 ones.npy -o out.npy
expect "the second four, first" test "$(python3 npy.py show out.npy | cut -d' ' -f3-6)" = "2 0 2 0"
run 0 apply dropout --training --seed=12345678901 --gradient=ones.npy ones.npy -o one.npy
run 0 apply dropout --training --seed=12345678901 ones.npy -o two.npy
expect "the gradient replays" cmp one.npy two.npy
make minus.npy '<f8' '(2, 2)' -1 -1 -1 -1
run 0 apply rrelu --lower=0 --upper=1 --training minus.npy -o out.npy
shows out.npy "<f8 (2, 2) -0.399046 -0.88052 -0.735713 -0.605482"
refuses 64 "relu draws none" apply relu --training ones.npy -o none.npy
refuses 64 "are for --training" apply rrelu --seed=1 ones.npy -o none.npy
refuses 64 "--seed is a whole number" apply rrelu --training --seed=-1 ones.npy -o none.npy
refuses 64 "rate of dropout must be at most" apply dropout --rate=1 ones.npy -o none.npy

make px.npy '<f4' '(2, 3)' -1 -2 3 -4 5 -6
make pdy.npy '<f4' '(2, 3)' 1 10 100 1000 10000 0.5
make slopes.npy '<f4' '(3,)' 0.5 0.25 2
run 0 apply prelu --slope=slopes.npy --gradient=pdy.npy --param-gradient=slope:ds.npy px.npy -o pdx.npy
shows ds.npy "<f4 (3,) -4001 -20 -3"
shows pdx.npy "<f4 (2, 3) 0.5 2.5 100 500 10000 1"
run 0 apply prelu --gradient=pdy.npy --param-gradient=alpha:ds.npy --dtype=f64 px.npy
shows ds.npy "<f8 () -4024"
refuses 64 "is for --gradient" apply prelu --param-gradient=slope:none.npy px.npy
refuses 64 "PARAM:OUT.npy" apply prelu --gradient=pdy.npy --param-gradient=slope px.npy
refuses 64 "has no parameter 'beta'" apply prelu --gradient=pdy.npy --param-gradient=beta:none.npy px.npy
refuses 64 "alpha of elu is not learnable" apply elu --gradient=pdy.npy --param-gradient=alpha:none.npy px.npy
refuses 64 "asked for twice" apply prelu --gradient=pdy.npy --param-gradient=slope:none.npy \
    --param-gradient=alpha:none.npy px.npy
expect "nothing was written" test ! -e none.npy

# ---- bench ----

run 0 bench relu tanh --size=1Ki,100 --device=cpu --rounds=3
prints "relu"
prints "gradient"
prints "1Ki"
silent
run 0 bench identity --size=2Ki --json --rounds=3
json "d['schema'] == 1 and len(d['results']) == 2 and d['device']['backend'] in ('cpu', 'opencl')"
json "all(r['elements'] == 2048 and r['ns_per_element'] > 0 for r in d['results'])"
json "all(r['gb_per_s'] > 0 and r['share_of_copy'] > 0 for r in d['results'])"
json "[r['direction'] for r in d['results']] == ['forward', 'gradient']"
json "d['rounds'] == 3 and d['machine']['processors'] > 0 and d['version'].count('.') == 2"
run 0 bench exp --size=100 --dtype=f32,bf16 --threads=1,2 --in-place --device=cpu --json --rounds=3
json "[(r['type'], r['threads']) for r in d['results'][::2]] == [('f32', 1), ('bf16', 1), ('f32', 2), ('bf16', 2)]"
json "[round(r['gb_per_s'] * r['ns_per_element'], 6) for r in d['results']] == [8, 12, 4, 6] * 2" # bytes an element
json "all(r['in_place'] and r['spread'] >= 0 and r['copy_by'] != 'memcpy' for r in d['results'])"
# The first four cases are again measured, against times that are a thousand times as short, and as long.
python3 -c "import json; d = json.load(open('out')); r = d['results']
for i in range(4): r[i].update(spread=0.1, ns_per_element=r[i]['ns_per_element'] * (1e-3 if i % 2 else 1e3))
json.dump(d, open('old.json', 'w'))"
run 0 bench exp --size=100 --dtype=f32,bf16 --in-place --threads=1 --device=cpu --rounds=3 --json --compare=old.json
json "[r['compared']['verdict'] for r in d['results']] == ['faster', 'slower'] * 2"
json "all(abs(r['compared']['ratio'] - r['ns_per_element'] / r['compared']['ns_per_element']) < 1e-9 for r in d['results'])"
run 0 bench exp --size=100,50 --in-place --threads=1 --device=cpu --rounds=3 --compare=old.json
expect "one is faster, one slower, and two were not there" \
    test "$(grep -c 'faster$' out) $(grep -c 'slower$' out) $(grep -cE -- ' -  +- *$' out)" = "1 1 2"
run 0 bench exp --size=100 --in-place --threads=1 --device=cpu --rounds=3 --csv --compare=old.json
prints "activation,direction,type,elements,threads,in_place,ns_per_element,spread,"
expect "two lines of values, which are compared" test "$(grep -cE '^exp,.*,(faster|slower)$' out)" = 2
refuses 2 "No such file" bench relu --compare=none.json
echo '{}' >odd.json
refuses 2 "is not what clact bench --json prints" bench relu --compare=odd.json
refuses 64 "did you mean 'relu'" bench rleu
for size in 0 1Kb Ki 4Ki, ,4 -1 65Gi 99999999999999999999 ''; do
    refuses 64 "--size is numbers" bench relu "--size=$size"
done
refuses 64 "--threads is numbers" bench relu --threads=1,x
refuses 64 "--dtype is" bench relu --dtype=f32,i8
refuses 64 "--rounds is a number" bench relu --rounds=0
refuses 3 "nosuchdevice" bench relu --device=nosuchdevice

# ---- kernels ----

if "$clact" kernels relu >out 2>err; then
    run 0 kernels relu swiglu --types=f32,bf16 --local=64
    silent
    prints "ROW_forward_bf16(x, y, at, parameters)"
    prints "ROW_gated_f32(u, u_first, v, v_first, y, y_first, n, parameters)"
    prints "the local size 64"
    cp out printed
    run 0 kernels relu swiglu --types=f32,bf16 --local=64 -o file.cl
    expect "the same in a file" cmp printed file.cl
    run 0 kernels
    for name in identity gelu softmax maxout swiglu; do prints " *   $name"; done
    run 0 kernels --task --semantics=tensorflow
    prints "one work-item"
    prints "relu_tf"
    run 0 kernels relu --table --types=f64
    prints "ROW_forward_u8("
    run 0 kernels --calls=view,gradient prelu
    prints "ROW_gradient_sum_f32_f32_p0("
    refuses 64 "did you mean 'relu'" kernels rleu
    refuses 64 "--types does not know 'f31'" kernels --types=f32,f31
    refuses 64 "--types does not know ''" kernels --types=
    refuses 64 "--calls does not know 'views'" kernels --calls=views
    refuses 64 "--local is a number" kernels --local=0
    refuses 64 "power of two to 256, not 96" kernels relu --local=96
    refuses 64 "they take a text each" kernels relu --types=f32,f64
    refuses 64 "gelu has no TensorFlow semantics" kernels gelu --semantics=tensorflow
    refuses 64 "--semantics is documented or tensorflow" kernels --semantics=tf
    refuses 64 "no kernels for such calls" kernels relu --calls=mask
    refuses 2 "folder" kernels relu -o folder
else
    refuses 2 "without OpenCL" kernels relu
fi

# ---- check: results of earlier runs ----

run 0 check relu --samples=1000 --device=cpu --resume=sweep
cp out first
expect "a line for each direction" test "$(wc -l <sweep)" -eq 2
run 0 check relu --samples=1000 --device=cpu --resume=sweep
prints "OK, as recorded"
sed 's/, as recorded$//' out >again
expect "what is recorded is printed alike" cmp first again
expect "nothing is measured twice" test "$(wc -l <sweep)" -eq 2
run 0 check relu --samples=1000 --threshold=1 --device=cpu --resume=sweep
run 0 check relu --samples=2000 --device=cpu --resume=sweep
run 0 check relu --samples=1000 --semantics=tensorflow --device=cpu --resume=sweep
expect "each is measured" test "$(wc -l <sweep)" -eq 8
run 0 check relu --samples=1000 --dtype=f64 --device=cpu --resume=sweep
prints ", in f64"
run 0 check relu --samples=1000 --dtype=f64 --device=cpu --resume=sweep
prints "OK, as recorded"
run 0 check relu --dtype=bf16 --device=cpu --resume=sweep
expect "a type is measured once" test "$(wc -l <sweep)" -eq 12
run 0 check relu --samples=1000 --json --device=cpu --resume=sweep
json "[(r['direction'], r['inputs']) for r in d['rows']] == [('forward', 1000), ('derivative', 1000)]"
printf '{"key": {"act' >>sweep
run 0 check tanh --samples=1000 --device=cpu --resume=sweep
says "sweep: line 13 is no record, and is passed over"
sed -i 's/"ok":true/"ok":false/' sweep
run 1 check tanh --samples=1000 --device=cpu --resume=sweep
prints "FAIL, as recorded"
refuses 2 "folder: Is a directory" check relu --samples=1000 --device=cpu --resume=folder

# ---- train ----

if "$clact" help train | grep -q -- --epochs; then
    run 0 train --device=cpu --epochs=40
    prints "481 weights; test accuracy 0.9"
    prints "layer    outputs   zeros  dead  saturated  gradient norm"
    run 0 train digits --device=cpu --json
    json "[d['data'], len(d['runs'][0]['epochs']), d['runs'][0]['test_accuracy'] > 0.95] == ['digits', 20, True]"
    run 0 train --device=cpu --compare=relu,sigmoid --init=normal --epochs=2 --layers=4,4
    prints "layer 3, the last"
    run 0 train --device=cpu --rate=1e9 --epochs=2 --json
    says "the loss of epoch 1 is"
    json "d['runs'][0]['epochs'][0]['loss'] is None"
    run 0 train --device=cpu --epochs=1 --activation=swish --optimizer=adamw --dropout=0.1 --l2=0.01 --bias=0.1 -o model
    cp model again
    run 0 train --epochs=1 --activation=swish --optimizer=adamw --dropout=0.1 --l2=0.01 --bias=0.1 -o model
    expect "the same weights on the device and on the CPU" cmp model again
    refuses 64 "'rings' is neither circles nor digits" train rings
    refuses 64 "'he' is no initialiser" train --init=he
    refuses 64 "there is no activation 'rely'; did you mean 'relu'?" train --activation=rely
    refuses 64 "--layers is a number from 1" train --layers=5,0
    refuses 64 "--optimizer is sgd, rmsprop, adam or adamw" train --optimizer=adagrad
    refuses 64 "which one should be written" train --compare=relu,tanh -o model
    run 2 train --device=cpu --epochs=1 -o /no/such/folder/model
    says "cannot be written"
    run 0 train --device=cpu --epochs=1 --layers=3 --rate=0 --init=zeros --bias=0.5 --weights=w
    shows w1-weights.npy "<f4 (2, 3) 0 0 0 0 0 0"
    shows w2-bias.npy "<f4 (1,) 0.5"
    rm model again w?-weights.npy w?-bias.npy
fi

# ---- plot ----

# line FILE N TEXT: line N of the numbers is TEXT.
line() {
    got=$(sed -n "$2p" "$1")
    if [ "$got" = "$3" ]; then pass; else fault "$what: line $2 of $1 is '$got', not '$3'"; fi
}

# looks FILE PYTHON: true of the image, the root of its XML being r, the d of its curves' paths d, its texts t.
looks() {
    if python3 -c "
import sys
import xml.etree.ElementTree as tree
r = tree.parse('$1').getroot()
s = '{http://www.w3.org/2000/svg}'
d = [p.get('d') for p in r.findall(s + 'g')[1].findall(s + 'path')]
t = [x.text for x in r.iter(s + 'text')]
sys.exit(not ($2))" 2>err; then
        pass
    else
        fault "$what: not $2 of $1"
    fi
}

run 0 plot relu6 --derivative --range=-4:8 --points=5 -o p.csv
silent
line p.csv 1 "x,\"relu6\",\"relu6'\""
line p.csv 2 "-4,0,0"
line p.csv 4 "2,2,1"
line p.csv 6 "8,6,0"
run 0 plot leaky_relu --negative-slope=0.5,2 relu --range=-2:2 --points=2 -o p.dat
line p.dat 1 '# x "leaky_relu(negative-slope=0.5)" "leaky_relu(negative-slope=2)" "relu"'
line p.dat 2 "-2 -1 -4 0"
line p.dat 3 "2 2 2 2"
run 0 plot --alpha=2 linear elu linear --alpha=3 --beta=1,5 --points=2 -o p.csv
line p.csv 1 'x,"linear(alpha=2)","elu(alpha=2)","linear(alpha=3, beta=1)","linear(alpha=3, beta=5)"'
line p.csv 3 "10,20,10,31,35"
run 0 plot tanh sigmoid --error --range=-2:2 -o p.csv
line p.csv 1 'x,"tanh, bound 1","sigmoid, bound 1"'
expect "errors of some 0.5 ulp, within the bound" awk -F, '
    NR > 1 && ($2 > 1 || $3 > 1 || $2 < 0.3 || $3 < 0.3) { exit 1 } END { exit NR != 401 }' p.csv
run 0 plot tanh --error --points=7 --range=-2:2 -o p.csv
expect "400 lines of errors" awk 'END { exit NR != 401 }' p.csv
run 0 plot square --error --range=0:1 -o p.csv
expect "errors of half an ulp at most" awk -F, 'NR > 1 && $2 > 0.5 { exit 1 }' p.csv

run 0 plot gelu relu --derivative -o p.svg
silent
looks p.svg "r.find(s + 'title').text == \"gelu, gelu', relu, relu'\""
looks p.svg "{'gelu', \"relu'\", '-10', '0', '10'} <= set(t)"
looks p.svg "len(d) == 4 and len(r.findall('.//*[@stroke-dasharray]')) == 4"
looks p.svg "d[3].count('M') == 2 and d[3].count('L') == 2 and d[2].count('M') == 1 and d[2].count('L') == 2"
cp p.svg again.svg
run 0 plot gelu relu --derivative -o p.svg
expect "the same image again" cmp p.svg again.svg
run 0 plot gelu relu --derivative --device=cpu -o -
cp out again.svg
expect "the same image on the CPU, and on standard output" cmp p.svg again.svg
run 0 plot reciprocal log --range=-1:1 -o p.svg
looks p.svg "all(8 <= float(y) <= 400 for p in d for y in __import__('re').findall('[ML][-.0-9]+ ([-.0-9]+)', p))"
looks p.svg "d[0].count('M') == 2 and d[1].count('M') == 1"
run 0 plot exp -o p.svg
looks p.svg "'10' in t and '20000' not in t"
run 0 plot exp --y-range=0:20000 -o p.svg
looks p.svg "'20000' in t"
run 0 plot relu --range=1e30:1e31 -o p.svg
looks p.svg "'1e+31' in t"
run 0 plot gelu silu --error --derivative -o p.svg
looks p.svg "{'error in ulp', \"gelu', bound 3\"} <= set(t) and len(d) == 4"

export LC_ALL=C
run 0 plot tanh sigmoid
prints "* tanh   + sigmoid"
prints "1 +"
prints "*+++++"
cp out drawn
expect "80 columns and 23 lines of ASCII" awk '
    length > 80 || /[^ -~]| $/ { bad = 1 } END { exit bad || NR != 23 }' drawn
export LC_ALL=C.UTF-8
run 0 plot tanh
prints "⠒⠒ tanh"
prints "└"
run 0 plot tanh sigmoid
prints "* tanh   + sigmoid"
in_terminal() { on_terminal 12 40 "$@" && tr -d '\r' <out | sed "s/$(printf '\033')\[0m//g" >drawn; }
expect "a plot in a terminal" in_terminal "$clact" plot tanh sigmoid
colour=$(printf '\033[33m')
expect "colours and dots in a terminal" grep -qF "$colour⠒⠒ sigmoid" drawn
expect "eleven lines in a terminal" awk 'END { exit NR != 11 }' drawn
export NO_COLOR=1
expect "a plot in a terminal without colours" in_terminal "$clact" plot tanh sigmoid
expect "marks in a terminal without colours" grep -qF "* tanh   + sigmoid" drawn
unset LC_ALL NO_COLOR

refuses 64 "the name of an activation is missing" plot
refuses 64 "did you mean 'gelu'" plot gelo
refuses 64 "of the kind rowwise" plot softmax
refuses 64 "--range is two numbers" plot relu --range=1
refuses 64 "--range is two numbers" plot relu --range=3:3
refuses 64 "--range is two numbers" plot relu --range=-1e39:0
refuses 64 "--range is two numbers" plot relu --range=0:nan
refuses 64 "--y-range is two numbers" plot relu --y-range=1:0
refuses 64 "--points is a number" plot relu --points=1
refuses 64 "ends in .svg, .png, .csv or .dat" plot relu -o x.pdf
refuses 64 "has no parameter --alpha" plot gelu --alpha=1
refuses 64 "none of the activations has a parameter --alpha" plot --alpha=1 gelu
refuses 64 "not ''" plot elu --alpha=1,,2
refuses 64 "is given twice" plot elu --alpha=1 --alpha=2
refuses 64 "more than 32 functions" plot linear --alpha=1,2,3,4,5,6 --beta=1,2,3,4,5,6
refuses 64 "not files" plot prelu --slope=x.npy
refuses 64 "no oracle of TensorFlow's" plot relu --error --semantics=tensorflow
refuses 3 "there is no OpenCL device 'no-such-device' (see clact devices)" plot relu --device=no-such-device
run 2 plot relu -o /no/such/folder/p.svg
says "cannot be written"
mkdir no-gnuplot
path=$PATH
cp p.dat again.dat
PATH=$PWD/no-gnuplot
run 2 plot relu -o p.png
PATH=$path
says "-o FILE.svg, and the numbers as -o FILE.csv or -o FILE.dat, need nothing"
expect "a file that was there is left alone" cmp p.dat again.dat
PATH=$PWD/no-gnuplot
run 2 plot relu -o instead.png
PATH=$path
says "the numbers are in instead.dat instead"
line instead.dat 2 "-10 0"
expect "no image" test ! -e instead.png
cat >no-gnuplot/gnuplot <<'EOT'
#!/bin/sh
[ "$GNUPLOT_FAILS" ] && exit 1
while read -r line; do echo "$line"; done >script
echo image
EOT
chmod +x no-gnuplot/gnuplot
PATH=$PWD/no-gnuplot:$path
run 0 plot relu sign --derivative --range=-2:2 -o p.png
line p.png 1 image
cp script drawn
expect "a script for gnuplot" grep -qF "plot \$curve0 with lines" drawn
expect "a break in the data for gnuplot" awk '/^\$curve2/ { on = 1 } on && /^$/ { found++ } END { exit found != 2 }' drawn
export GNUPLOT_FAILS=1
run 2 plot relu -o p.png
says "gnuplot failed"
unset GNUPLOT_FAILS
PATH=$path
if command -v gnuplot >out; then
    run 0 plot relu sign --derivative -o p.png
    expect "a PNG image" python3 -c "import sys; sys.exit(open('p.png', 'rb').read(8) != b'\x89PNG\r\n\x1a\n')"
fi

# ---- Nothing is left over ----

left=$(find . -name '.?*' -type f)
what="temporary files"
: >err
if [ -z "$left" ]; then pass; else fault "left over: $left"; fi

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
