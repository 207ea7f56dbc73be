"""clact.py: neural-network activation functions on OpenCL devices and CPUs, for NumPy and PyOpenCL arrays.

    import clact
    with clact.Context() as context:                     # the best device, or the CPU
        leaky = clact.Activation("leaky_relu", negative_slope=0.1)
        y = context.forward(leaky, x)                    # y = f(x), of x's type and shape
        dx = context.backward(leaky, dy, x=x)            # dx = f'(x) * dy

Over libclact by ctypes: $CLACT_LIBRARY is its path; else the loader finds it. What the calls mean, and what they
refuse, stands in clact/clact.h; every failure is a clact.Error. Arrays may be of any strides, and of float32, float16,
float64 or (of ml_dtypes) bfloat16. They are

  * numpy.ndarray: calls return when the result is there;
  * clact.Array: memory of the context's device, of Context.array and Context.empty; calls take effect in order;
  * pyopencl.array.Array, on a context of Context.from_opencl: calls are enqueued on the queue of the array x (or dy),
    behind its events, and the outputs get the event of the end.

All of one call are alike. The GIL is not held while the library works; any number of threads may use one context."""
import collections
import ctypes
import enum
import os
import types
import weakref

import numpy

__all__ = ["Activation", "Array", "Context", "Error", "Exactness", "Status", "activations", "library", "version"]

# ---- The library's structures, as in clact/clact.h and clact/opencl.h

U32, U64, I64, DOUBLE, TEXT, POINTER = (ctypes.c_uint32, ctypes.c_uint64, ctypes.c_int64, ctypes.c_double,
                                        ctypes.c_char_p, ctypes.c_void_p)
LOG = ctypes.CFUNCTYPE(None, POINTER, ctypes.c_int, TEXT)
MAX_RANK = 8


class Version(ctypes.Structure):
    c_name = "clact_version_info"
    _fields_ = [("major", U32), ("minor", U32), ("patch", U32), ("numerics", U32), ("text", TEXT)]


class Options(ctypes.Structure):
    c_name = "clact_options"
    _fields_ = [("device", TEXT), ("opencl_library", TEXT), ("cpu", TEXT), ("require_exact", U32), ("threads", U32),
                ("parallel_for", POINTER), ("parallel_data", POINTER), ("log", LOG), ("log_data", POINTER),
                ("cache", TEXT), ("cache_load", POINTER), ("cache_store", POINTER), ("cache_data", POINTER),
                ("pack", TEXT), ("pack_or_cpu", U32), ("reserved0", U32), ("reserved", U64 * 2)]


class Caps(ctypes.Structure):
    c_name = "clact_caps"
    _fields_ = [("backend", U32), ("host_backend", U32), ("kind", U32), ("exact", U32), ("types", U32),
                ("compiler", U32), ("unified_memory", U32), ("rounds_to_nearest", U32), ("keeps_subnormals", U32),
                ("compute_units", U32), ("threads", U32), ("platform_index", U32), ("device_index", U32),
                ("reserved0", U32), ("device", ctypes.c_char * 128), ("platform", ctypes.c_char * 128),
                ("driver", ctypes.c_char * 128), ("cpu", ctypes.c_char * 16), ("reason", ctypes.c_char * 256),
                ("reserved", U64 * 8)]


class Parameter(ctypes.Structure):
    c_name = "clact_parameter"
    _fields_ = [("name", TEXT), ("value", DOUBLE), ("none", U32), ("reserved", U32)]


class Description(ctypes.Structure):
    c_name = "clact_activation_desc"
    _fields_ = [("name", TEXT), ("id", U32), ("semantics", U32), ("parameters", ctypes.POINTER(Parameter)),
                ("parameter_count", ctypes.c_size_t), ("unchecked", U32), ("gated", U32), ("half", U32),
                ("mode", U32), ("custom", POINTER), ("quantization", POINTER), ("reserved", U64 * 2)]


class ParameterInfo(ctypes.Structure):
    c_name = "clact_parameter_info"
    _fields_ = [("name", TEXT), ("alias", TEXT), ("default_value", DOUBLE), ("minimum", DOUBLE), ("maximum", DOUBLE),
                ("kind", U32), ("default_none", U32), ("accepts_none", U32), ("lifted", U32), ("not_zero", U32),
                ("reserved0", U32), ("reserved", U64 * 4)]


class Info(ctypes.Structure):
    c_name = "clact_activation_info"
    _fields_ = [("id", U32), ("needs", U32), ("tensorflow", U32), ("parameter_count", U32), ("learnable_count", U32),
                ("noise", U32), ("name", TEXT), ("aliases", TEXT), ("kind", TEXT),
                ("parameters", ctypes.POINTER(ParameterInfo)), ("ulp_forward", DOUBLE), ("ulp_derivative", DOUBLE),
                ("formula", TEXT), ("derivative", TEXT), ("kinks", TEXT), ("source", TEXT), ("from_y", TEXT),
                ("reserved", U64 * 7)]


class Tensor(ctypes.Structure):
    c_name = "clact_tensor"
    _fields_ = [("type", U32), ("rank", U32), ("dims", I64 * MAX_RANK), ("strides", I64 * MAX_RANK), ("offset", I64),
                ("strided", U32), ("reserved0", U32), ("reserved", U64 * 2)]


class Operand(ctypes.Structure):
    c_name = "clact_operand"
    _fields_ = [("tensor", Tensor), ("data", POINTER), ("buffer", POINTER), ("mem", POINTER), ("reserved", U64)]


class ParameterTensor(ctypes.Structure):
    c_name = "clact_parameter_tensor"
    _fields_ = [("name", TEXT), ("value", ctypes.POINTER(Operand))]


class ParameterGradient(ctypes.Structure):
    c_name = "clact_parameter_gradient"
    _fields_ = [("name", TEXT), ("value", ctypes.POINTER(Operand)), ("beta", DOUBLE), ("reserved", U64 * 2)]


class ForwardArgs(ctypes.Structure):
    c_name = "clact_forward_args"
    _fields_ = [("x", ctypes.POINTER(Operand)), ("y", ctypes.POINTER(Operand)),
                ("parameters", ctypes.POINTER(ParameterTensor)), ("parameter_count", ctypes.c_size_t),
                ("gate", ctypes.POINTER(Operand)), ("mask", ctypes.POINTER(Operand)), ("seed", U64), ("offset", U64),
                ("training", U32), ("reserved0", U32), ("reserved", U64 * 8)]


class BackwardArgs(ctypes.Structure):
    c_name = "clact_backward_args"
    _fields_ = [("x", ctypes.POINTER(Operand)), ("y", ctypes.POINTER(Operand)), ("dy", ctypes.POINTER(Operand)),
                ("dx", ctypes.POINTER(Operand)), ("parameters", ctypes.POINTER(ParameterTensor)),
                ("parameter_count", ctypes.c_size_t), ("gate", ctypes.POINTER(Operand)),
                ("dgate", ctypes.POINTER(Operand)), ("mask", ctypes.POINTER(Operand)), ("seed", U64), ("offset", U64),
                ("training", U32), ("reserved0", U32), ("dx_beta", DOUBLE), ("dgate_beta", DOUBLE),
                ("gradients", ctypes.POINTER(ParameterGradient)), ("gradient_count", ctypes.c_size_t),
                ("reserved", U64 * 8)]


class Enqueue(ctypes.Structure):
    c_name = "clact_enqueue"
    _fields_ = [("queue", POINTER), ("waits", ctypes.POINTER(POINTER)), ("num_waits", U32), ("reserved0", U32),
                ("event", ctypes.POINTER(POINTER)), ("reserved", U64 * 2)]


# ---- The library, and its errors


class Status(enum.IntEnum):
    OK = 0
    ARGUMENT = -3000
    NAME = -3001
    RANGE = -3002
    BOUNDS = -3003
    OVERLAP = -3004
    UNSUPPORTED = -3005
    MEMORY = -3006
    NO_DEVICE = -3007
    COMPILER = -3008
    BUILD = -3009
    OPENCL = -3010
    INEXACT = -3011
    FORKED = -3012
    DERIVATIVE = -3013
    PACK = -3014
    FILE = -3015


class Exactness(enum.IntEnum):
    """How well a device keeps to the arithmetic that the same bits need."""
    UNKNOWN = 0
    ALL = 1
    NORMAL = 2
    NONE = 3


class Error(RuntimeError):
    """A call that failed: the library's sentence, and its status."""

    def __init__(self, status, sentence):
        super().__init__(sentence)
        self.status = status


def _load():
    try:
        loaded = ctypes.CDLL(os.environ.get("CLACT_LIBRARY") or "libclact.so.0")
    except OSError as error:
        raise OSError(f"{error}: CLACT_LIBRARY names libclact where the loader does not find it") from None

    def raise_failure(status, _function, _arguments):
        if status != 0:
            known = status in Status.__members__.values()
            raise Error(Status(status) if known else status, loaded.clact_error().decode())

    def declare(name, result, *arguments):
        function = getattr(loaded, name)
        function.argtypes = arguments
        if result is Status:
            function.restype, function.errcheck = ctypes.c_int, raise_failure
        else:
            function.restype = result

    handle = ctypes.POINTER(POINTER)
    declare("clact_version", ctypes.POINTER(Version))
    declare("clact_error", TEXT)
    declare("clact_open", Status, handle, ctypes.POINTER(Options))
    declare("clact_open_opencl", Status, handle, POINTER, POINTER, POINTER, ctypes.POINTER(Options))
    declare("clact_close", None, handle)
    declare("clact_context_caps", Status, POINTER, ctypes.POINTER(Caps))
    declare("clact_finish", Status, POINTER)
    declare("clact_activation_create", Status, handle, ctypes.POINTER(Description))
    declare("clact_activation_destroy", None, handle)
    declare("clact_activation_list", ctypes.POINTER(Info), ctypes.POINTER(ctypes.c_size_t))
    declare("clact_activation_info_of", ctypes.POINTER(Info), POINTER)
    declare("clact_forward", Status, POINTER, POINTER, ctypes.POINTER(ForwardArgs))
    declare("clact_backward", Status, POINTER, POINTER, ctypes.POINTER(BackwardArgs))
    declare("clact_forward_enqueue", Status, POINTER, POINTER, ctypes.POINTER(ForwardArgs), ctypes.POINTER(Enqueue))
    declare("clact_backward_enqueue", Status, POINTER, POINTER, ctypes.POINTER(BackwardArgs), ctypes.POINTER(Enqueue))
    declare("clact_buffer_create", Status, handle, POINTER, ctypes.c_size_t)
    declare("clact_buffer_destroy", None, handle)
    declare("clact_buffer_write", Status, POINTER, ctypes.c_size_t, ctypes.c_size_t, POINTER)
    declare("clact_buffer_read", Status, POINTER, ctypes.c_size_t, ctypes.c_size_t, POINTER)
    return loaded


library = _load()  # the functions of the C API that are not wrapped are there too
version = library.clact_version().contents.text.decode()


def _destroy(destroy, pointer, _kept):
    destroy(ctypes.byref(pointer))


class _Handle:
    """Destroys what it holds when it is closed or forgotten; not when the interpreter ends, as drivers may be gone.
    kept: what must not be forgotten before."""

    def __init__(self, destroy, make, *arguments, kept=None):
        self.pointer = POINTER()
        make(ctypes.byref(self.pointer), *arguments)
        self.close = weakref.finalize(self, _destroy, destroy, self.pointer, kept)
        self.close.atexit = False


# ---- Activations

ActivationInfo = collections.namedtuple(
    "ActivationInfo", "id name aliases kind parameters formula derivative kinks source ulp_forward ulp_derivative "
    "tensorflow learnable_count")
ParameterDescription = collections.namedtuple("ParameterDescription", "name alias default minimum maximum")


def _info(row):
    parameters = tuple(
        ParameterDescription(p.name.decode(), p.alias.decode() if p.alias else None,
                             None if p.default_none else p.default_value, p.minimum, p.maximum)
        for p in row.parameters[:row.parameter_count])
    return ActivationInfo(row.id, row.name.decode(), tuple(row.aliases.decode().split()), row.kind.decode(), parameters,
                          row.formula.decode(), row.derivative.decode(), row.kinks.decode(), row.source.decode(),
                          row.ulp_forward, row.ulp_derivative, bool(row.tensorflow), row.learnable_count)


def activations():
    """Every activation, by its name."""
    count = ctypes.c_size_t()
    rows = library.clact_activation_list(ctypes.byref(count))
    return {row.name: row for row in map(_info, rows[:count.value])}


def _choice(what, value, choices):
    if value not in choices:
        raise ValueError(f"{what} is one of {choices}, not {value!r}")
    return choices.index(value)


class Activation:
    """An activation with its parameters, immutable, of no context: Activation("relu", max_value=6, threshold=0.5).

    A parameter whose name is a word of Python's takes an underscore behind it (lambda_=0.5); None is "no limit".
    mode: "fast" is within 4 ulp, where there is such a form.
    gated: u * f(v) of an element-wise activation; half: "first" or "second", where v stands in x."""

    def __init__(self, name, *, semantics="documented", mode="exact", unchecked=False, gated=False, half=None,
                 **parameters):
        given = {key.rstrip("_"): value for key, value in parameters.items()}
        values = (Parameter * max(len(given), 1))()
        for value, (key, number) in zip(values, given.items()):
            value.name, value.value, value.none = key.encode(), 0 if number is None else number, number is None
        description = Description(name=name.encode(), parameters=values, parameter_count=len(given),
                                  semantics=_choice("semantics", semantics, ("documented", "tensorflow")),
                                  mode=_choice("mode", mode, ("exact", "fast")),
                                  half=_choice("half", half, (None, "first", "second")), unchecked=unchecked,
                                  gated=gated)
        self._handle = _Handle(library.clact_activation_destroy, library.clact_activation_create,
                               ctypes.byref(description))
        self.info = _info(library.clact_activation_info_of(self._handle.pointer).contents)
        self._gated = gated or self.info.kind == "gated"
        self._axis = int(given.get("axis", -1))
        self._pieces = int(given.get("pieces", 2))

    def _resized(self, shape, times, parts):
        """The shape with so many times the size along the axis, in parts."""
        if not -len(shape) <= self._axis < len(shape):
            return shape  # which the library refuses
        shape = list(shape)
        shape[self._axis] = shape[self._axis] * times // parts
        return tuple(shape)

    def _output_shape(self, shape, has_gate):
        if self.info.name == "crelu":
            return self._resized(shape, 2, 1)
        if self.info.name == "maxout":
            return self._resized(shape, 1, self._pieces)
        return self._resized(shape, 1, 2) if self._gated and not has_gate else shape

    def _input_shape(self, shape):
        """Of x, where only y is known."""
        return self._resized(shape, 1, 2) if self.info.name == "crelu" else shape


# ---- Arrays

_TYPES = {"float32": 0, "float16": 1, "bfloat16": 2, "float64": 3, "int8": 4, "uint8": 5, "bool": 5}


def _tensor(dtype, shape, strides):
    """The description of an array whose strides are in bytes, and how far below its first element it reaches."""
    if dtype.name not in _TYPES or not dtype.isnative:
        raise TypeError(f"clact has no arrays of {dtype!r}: it computes float32, float16, bfloat16 and float64")
    if len(shape) > MAX_RANK:
        raise ValueError(f"an array of {len(shape)} dimensions: clact takes {MAX_RANK} at most")
    if any(stride % dtype.itemsize for stride in strides):
        raise ValueError("the strides of an array are no multiples of its elements")
    steps = [stride // dtype.itemsize for stride in strides]
    below = sum(-(n - 1) * step for n, step in zip(shape, steps) if step < 0 and n > 0)
    tensor = Tensor(type=_TYPES[dtype.name], rank=len(shape), strided=1)
    tensor.dims[:len(shape)] = shape
    tensor.strides[:len(shape)] = steps
    return tensor, below


def _dense(shape, itemsize):
    strides = []
    for n in reversed(shape):
        strides.insert(0, itemsize)
        itemsize *= max(n, 1)
    return tuple(strides)


class Array:
    """An array in memory of a context's device, or of the host on the CPU backend. Not initialised.

    memory: another Array whose memory it shares; strides (as NumPy's) and offset are in bytes."""

    def __init__(self, context, shape, dtype=numpy.float32, *, memory=None, strides=None, offset=0):
        self.context, self.shape, self.dtype = context, tuple(shape), numpy.dtype(dtype)
        self.strides = _dense(self.shape, self.dtype.itemsize) if strides is None else tuple(strides)
        self.offset = offset
        self.nbytes = int(numpy.prod(self.shape, dtype=numpy.int64)) * self.dtype.itemsize
        self._buffer = memory._buffer if memory else context._buffer(self.nbytes)

    def _span(self):
        """The bytes from the lowest to the highest element: the first, and how many."""
        reach = [(n - 1) * stride for n, stride in zip(self.shape, self.strides)]
        low = self.offset + sum(r for r in reach if r < 0)
        return low, sum(map(abs, reach)) + self.dtype.itemsize

    def set(self, values):
        """Copies values to a dense array; returns it."""
        values = numpy.asarray(values, self.dtype, order="C")
        if values.shape != self.shape or self.strides != _dense(self.shape, self.dtype.itemsize):
            raise ValueError("set() takes values of the shape of a dense array")
        library.clact_buffer_write(self._buffer.pointer, self.offset, self.nbytes, values.ctypes.data)
        return self

    def get(self):
        """A copy as a NumPy array, when all earlier calls are done."""
        if self.nbytes == 0:
            return numpy.empty(self.shape, self.dtype)
        low, size = self._span()
        data = numpy.empty(size, numpy.uint8)
        library.clact_buffer_read(self._buffer.pointer, low, size, data.ctypes.data)
        return numpy.ndarray(self.shape, self.dtype, data, self.offset - low, self.strides).copy()


def _is_opencl(array):
    """Whether it is an array of PyOpenCL, which need not be installed."""
    return hasattr(array, "base_data") and hasattr(array, "queue")


def _operand(array, written=False):
    if array is None:
        return None
    if written and isinstance(array, numpy.ndarray) and not array.flags.writeable:
        raise ValueError("an output is an array that is read-only")
    tensor, below = _tensor(array.dtype, array.shape, array.strides)
    if isinstance(array, Array):
        start, place = array.offset, {"buffer": array._buffer.pointer}
    elif _is_opencl(array):
        start, place = array.offset, {"mem": array.base_data.int_ptr}
    else:
        start, place = 0, {"data": array.ctypes.data - below * array.dtype.itemsize}
        tensor.offset = below
    if start % array.dtype.itemsize:
        raise ValueError("the offset of an array is no multiple of its elements")
    tensor.offset += start // array.dtype.itemsize
    return Operand(tensor=tensor, **place)


def _as_array(value):
    """What a call takes: arrays as they are, lists and the like as NumPy makes arrays of them."""
    return value if value is None or isinstance(value, Array) or _is_opencl(value) else numpy.asarray(value)


def _input(array):
    """A pointer to an operand; None of None."""
    return None if array is None else ctypes.pointer(_operand(array))


def _output(array):
    return None if array is None else ctypes.pointer(_operand(array, written=True))


def _parameter_tensors(given):
    return (ParameterTensor * max(len(given), 1))(
        *(ParameterTensor(name.encode(), _input(value)) for name, value in given.items()))


def _parameter_gradients(wanted):
    return (ParameterGradient * max(len(wanted), 1))(
        *(ParameterGradient(name.encode(), _output(value)) for name, value in wanted.items()))


# ---- Contexts


class Context:
    """Where activations run: a device, by default the best one, or the CPU. Options as in clact.h; log(level, message)
    gets its messages. To be closed, or used by `with'."""

    def __init__(self, device=None, **options):
        self._open(library.clact_open, (), device=device, **options)

    @classmethod
    def from_opencl(cls, context, device, queue=None, **options):
        """On objects of PyOpenCL."""
        self = cls.__new__(cls)
        handles = context.int_ptr, device.int_ptr, queue.int_ptr if queue else None
        self._open(library.clact_open_opencl, handles, **options)
        return self

    def _open(self, make, handles, *, log=None, **options):
        unknown = options.keys() - {"device", "opencl_library", "cpu", "require_exact", "threads", "cache", "pack",
                                    "pack_or_cpu"}
        if unknown:
            raise TypeError(f"a context has no options {', '.join(sorted(unknown))}")
        encoded = {key: os.fsencode(value) if isinstance(value, (str, os.PathLike)) else value
                   for key, value in options.items() if value is not None}
        callback = LOG(lambda _data, level, message: log(level, message.decode(errors="replace"))) if log else LOG()
        self._buffers = weakref.WeakSet()
        self._handle = _Handle(library.clact_close, make, *handles, ctypes.byref(Options(log=callback, **encoded)),
                               kept=callback)

    def close(self):
        """Waits for calls in flight, and frees; its arrays are no longer usable."""
        for buffer in list(self._buffers):
            buffer.close()
        self._handle.close()

    def __enter__(self):
        return self

    def __exit__(self, *_failure):
        self.close()

    @property
    def caps(self):
        """Where it runs, why, and how well: the fields of clact_caps."""
        caps = Caps()
        library.clact_context_caps(self._handle.pointer, ctypes.byref(caps))
        fields = {name: getattr(caps, name) for name, _ in Caps._fields_ if not name.startswith("reserved")}
        fields = {name: value.decode() if isinstance(value, bytes) else value for name, value in fields.items()}
        fields.update(backend=[None, "cpu", "opencl"][caps.backend], exact=Exactness(caps.exact),
                      host_backend=[None, "cpu", "opencl"][caps.host_backend])
        return types.SimpleNamespace(**fields)

    def finish(self):
        """Waits until all calls on its arrays are done."""
        library.clact_finish(self._handle.pointer)

    def _buffer(self, size):
        buffer = _Handle(library.clact_buffer_destroy, library.clact_buffer_create, self._handle.pointer, size,
                         kept=self._handle)
        self._buffers.add(buffer)
        return buffer

    def empty(self, shape, dtype=numpy.float32):
        """An Array that is not initialised."""
        return Array(self, shape, dtype)

    def array(self, values):
        """An Array with a copy of the values."""
        values = numpy.asarray(values)
        return self.empty(values.shape, values.dtype).set(values)

    def _empty_like(self, array, shape):
        if isinstance(array, Array):
            return self.empty(shape, array.dtype)
        if _is_opencl(array):
            return type(array)(array.queue, shape, array.dtype)
        return numpy.empty(shape, array.dtype)

    def _call(self, name, activation, args, first, inputs, outputs):
        """The call; enqueued where the arrays are PyOpenCL's, on the queue of the first."""
        function = getattr(library, "clact_" + name)
        if not _is_opencl(first):
            function(self._handle.pointer, activation._handle.pointer, ctypes.byref(args))
            return
        import pyopencl
        events = [event for array in (*inputs, *outputs) if _is_opencl(array) for event in array.events]
        waits, end = (POINTER * max(len(events), 1))(*(event.int_ptr for event in events)), POINTER()
        enqueue = Enqueue(queue=first.queue.int_ptr, waits=waits if events else None, num_waits=len(events),
                          event=ctypes.pointer(end))
        function = getattr(library, "clact_" + name + "_enqueue")
        function(self._handle.pointer, activation._handle.pointer, ctypes.byref(args), ctypes.byref(enqueue))
        event = pyopencl.Event.from_int_ptr(end.value, retain=False)
        for array in outputs:
            array.add_event(event)

    def forward(self, activation, x, *, out=None, parameters=None, gate=None, mask=None, training=False, seed=0,
                offset=0):
        """y = f(x), in out or a new array. activation: an Activation, or a name.

        parameters: arrays in the place of numbers, {"slope": array}. gate: v of gated units, x being u. mask: of
        row-wise activations, False where an element takes no part. training, seed, offset: of rrelu and dropout."""
        activation = Activation(activation) if isinstance(activation, str) else activation
        x, gate, mask = _as_array(x), _as_array(gate), _as_array(mask)
        given = {name: _as_array(value) for name, value in (parameters or {}).items()}
        y = self._empty_like(x, activation._output_shape(x.shape, gate is not None)) if out is None else out
        args = ForwardArgs(x=_input(x), y=_output(y), gate=_input(gate), mask=_input(mask),
                           parameters=_parameter_tensors(given), parameter_count=len(given), seed=seed, offset=offset,
                           training=training)
        self._call("forward", activation, args, x, (x, gate, mask, *given.values()), (y,))
        return y

    def backward(self, activation, dy, *, x=None, y=None, out=None, gate=None, dgate=None, parameters=None, mask=None,
                 gradients=None, training=False, seed=0, offset=0, beta=0.0):
        """dx = f'(x) * dy, in out or a new array; out=False: not at all. With gate it is (dx, dgate).

        x, y: what forward read and gave; which of them is needed, the activation says. gradients: arrays that take the
        gradients of learnable parameters, {"slope": array}. beta: what is in out and dgate is kept, times beta."""
        activation = Activation(activation) if isinstance(activation, str) else activation
        dy, x, y, gate, mask = map(_as_array, (dy, x, y, gate, mask))
        given = {name: _as_array(value) for name, value in (parameters or {}).items()}
        wanted = dict(gradients or {})
        shape = activation._input_shape(dy.shape) if x is None else x.shape
        dx = None if out is False else self._empty_like(dy, shape) if out is None else out
        if gate is not None and dgate is None:
            dgate = self._empty_like(dy, gate.shape)
        args = BackwardArgs(x=_input(x), y=_input(y), dy=_input(dy), dx=_output(dx), gate=_input(gate),
                            dgate=_output(dgate), mask=_input(mask), parameters=_parameter_tensors(given),
                            parameter_count=len(given), gradients=_parameter_gradients(wanted),
                            gradient_count=len(wanted), dx_beta=beta, dgate_beta=0 if gate is None else beta, seed=seed,
                            offset=offset, training=training)
        outputs = [array for array in (dx, dgate, *wanted.values()) if array is not None]
        self._call("backward", activation, args, dy, (x, y, dy, gate, mask, *given.values()), outputs)
        return dx if gate is None else (dx, dgate)

