#!/usr/bin/env python3
"""test_clact.py [TEST ...]: tests of python/clact.py. Of the environment: CLACT_LIBRARY; CC and CLACT_INCLUDE, a compiler
and the headers, with which its structures are compared."""
import contextlib
import ctypes
import gc
import os
import shlex
import subprocess
import sys
import tempfile
import threading
import unittest

try:
    import numpy as np
except ImportError:
    sys.exit(77)
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "python"))
import clact

try:
    import pyopencl
    import pyopencl.array
except ImportError:
    pyopencl = None

X = np.linspace(-3, 3, 24, dtype=np.float32).reshape(2, 3, 4)
DY = np.linspace(1, 2, 24, dtype=np.float32).reshape(2, 3, 4)


def sigmoid(x):
    return 1 / (1 + np.exp(-x.astype(np.float64)))


def near(a, b, units=4):
    """Whether a is within so many units in the last place of f32 of b."""
    return np.all(np.abs(a.astype(np.float64) - b) <= units * 2.0**-23 * np.abs(b))


def same(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


class Structures(unittest.TestCase):
    def test_they_are_those_of_the_headers(self):
        if "CC" not in os.environ:
            self.skipTest("no compiler was given")
        classes = [c for c in ctypes.Structure.__subclasses__() if hasattr(c, "c_name")]
        self.assertGreater(len(classes), 10)
        lines = ["#include <clact/opencl.h>", "#include <stdio.h>", "int main(void) {"]
        expected = []
        for c in classes:
            lines.append(f'printf("%zu\\n", sizeof({c.c_name}));')
            expected.append(ctypes.sizeof(c))
            for name, *_ in c._fields_:
                lines.append(f'printf("%zu\\n%zu\\n", offsetof({c.c_name}, {name}), sizeof((({c.c_name} *)0)->{name}));')
                expected += [getattr(c, name).offset, getattr(c, name).size]
        with tempfile.TemporaryDirectory() as folder:
            source, program = os.path.join(folder, "sizes.c"), os.path.join(folder, "sizes")
            with open(source, "w") as out:
                out.write("\n".join([*lines, "return 0; }", ""]))
            include = "-I" + os.environ["CLACT_INCLUDE"]
            subprocess.run([*shlex.split(os.environ["CC"]), include, source, "-o", program], check=True)
            said = subprocess.run([program], check=True, stdout=subprocess.PIPE, text=True).stdout
        self.assertEqual([int(n) for n in said.split()], expected)

    def test_statuses_are_those_of_the_library(self):
        name = clact.library.clact_status_name
        name.restype = ctypes.c_char_p
        for status in clact.Status:
            self.assertEqual(name(status).decode().replace("CLACT_E_", "").replace("CLACT_", ""), status.name)
        self.assertEqual(name(min(clact.Status) - 1), b"unknown status")


class Activations(unittest.TestCase):
    def test_the_list(self):
        rows = clact.activations()
        self.assertEqual(rows["leaky_relu"].id, 6)
        self.assertEqual(rows["leaky_relu"].aliases, ("lrelu",))
        self.assertEqual(rows["softmax"].kind, "rowwise")
        limit = rows["relu"].parameters[1]
        self.assertEqual((limit.name, limit.default, limit.minimum), ("max_value", None, 0))

    def test_parameters(self):
        self.assertEqual(clact.Activation("soft_shrink", lambda_=0.25).info.name, "soft_shrink")
        for wrong, status in ((dict(name="rely"), "NAME"), (dict(name="relu", beta=1), "NAME"),
                              (dict(name="relu", threshold=-1), "RANGE")):
            with self.assertRaises(clact.Error) as raised:
                clact.Activation(**wrong)
            self.assertEqual(raised.exception.status, clact.Status[status])
        clact.Activation("relu", threshold=-1, unchecked=True)
        for wrong in ({"semantics": "keras"}, {"half": "third"}, {"mode": "faster"}):
            with self.assertRaises(ValueError):
                clact.Activation("relu", **wrong)
        self.assertIn("rely", str(self.failure(lambda: clact.Activation("rely"))))

    def failure(self, call):
        with self.assertRaises(clact.Error) as raised:
            call()
        return raised.exception


class Calls(unittest.TestCase):
    """On host memory; below on a device's."""

    @classmethod
    def setUpClass(cls):
        cls.context = clact.Context()

    @classmethod
    def tearDownClass(cls):
        cls.context.close()

    def give(self, values):
        return values

    def take(self, values):
        return values

    def forward(self, activation, x, **options):
        return self.take(self.context.forward(activation, self.give(x), **options))

    def backward(self, activation, dy, x, **options):
        return self.take(self.context.backward(activation, self.give(dy), x=self.give(x), **options))

    def test_forward_and_backward(self):
        self.assertTrue(same(self.forward("relu", X), np.maximum(X, 0)))
        self.assertTrue(same(self.backward("relu", DY, X), np.where(X > 0, DY, np.float32(0))))
        self.assertTrue(near(self.forward("sigmoid", X), sigmoid(X)))
        self.assertTrue(near(self.backward("sigmoid", DY, X), DY * sigmoid(X) * (1 - sigmoid(X))))

    def test_parameters(self):
        relu = clact.Activation("relu", negative_slope=0.5, max_value=2, threshold=1)
        expected = np.where(X >= 2, 2, np.where(X >= 1, X, np.float32(0.5) * (X - 1))).astype(np.float32)
        self.assertTrue(same(self.forward(relu, X), expected))
        self.assertTrue(same(self.forward(clact.Activation("relu", max_value=None), X), np.maximum(X, 0)))

    def test_mode(self):
        x = np.linspace(-4, 4, 4096, dtype=np.float32)
        exact, fast = self.forward("tanh", x), self.forward(clact.Activation("tanh", mode="fast"), x)
        self.assertTrue((exact != fast).any())
        np.testing.assert_allclose(fast, exact, rtol=5e-7)

    def test_semantics(self):
        theta = clact.Activation("thresholded_relu", semantics="tensorflow")
        self.assertTrue(np.signbit(self.forward(theta, X).flat[0]))
        self.assertFalse(np.signbit(self.forward("thresholded_relu", X).flat[0]))

    def test_types(self):
        for dtype in (np.float16, np.float64):
            x = X.astype(dtype)
            self.assertTrue(same(self.forward("relu", x), np.maximum(x, dtype(0))))
        with self.assertRaises(TypeError):
            self.forward("relu", X.astype(np.int64))
        with self.assertRaises(TypeError):
            self.forward("relu", X.astype(">f4"))

    def test_shapes(self):
        for shape in ((), (0,), (1,), (3, 0, 2), (2,) * 8):
            x = np.full(shape, -2, np.float32)
            self.assertTrue(same(self.forward("abs", x), -x), shape)
        with self.assertRaises(ValueError):
            self.forward("abs", np.zeros((1,) * 9, np.float32))

    def test_a_slope_for_each_channel(self):
        slope = np.array([[0.5], [2], [-1]], np.float32)
        expected = np.where(X > 0, X, slope * X)
        self.assertTrue(same(self.forward("prelu", X, parameters={"slope": self.give(slope)}), expected))
        gradient = self.give(np.zeros_like(slope))
        dx = self.backward("prelu", DY, X, parameters={"slope": self.give(slope)}, gradients={"slope": gradient})
        self.assertTrue(same(dx, np.where(X > 0, DY, slope * DY)))
        expected = np.where(X > 0, 0, X.astype(np.float64) * DY).sum(axis=(0, 2), keepdims=True)[0]
        self.assertTrue(near(self.take(gradient), expected))
        single = self.give(np.zeros((), np.float32))
        self.assertIsNone(self.context.backward("prelu", self.give(DY), x=self.give(X), out=False,
                                                gradients={"slope": single}))
        self.assertTrue(near(self.take(single), expected.sum()))

    def test_gated_units(self):
        expected = X[..., :2] * sigmoid(X[..., 2:])
        self.assertTrue(near(self.forward("glu", X), expected))
        first = clact.Activation("relu", gated=True, half="first", axis=0)
        self.assertTrue(same(self.forward(first, X), X[1:] * np.maximum(X[:1], 0)))
        y = self.context.forward("glu", self.give(X), gate=self.give(DY))
        self.assertTrue(near(self.take(y), X * sigmoid(DY)))
        dx, dgate = self.context.backward("glu", self.give(DY), x=self.give(X), gate=self.give(X))
        self.assertTrue(near(self.take(dx), DY * sigmoid(X)))
        self.assertTrue(near(self.take(dgate), DY * X * sigmoid(X) * (1 - sigmoid(X)), 8))
        self.assertEqual(self.backward("glu", DY[..., :2], X).shape, X.shape)

    def test_rows(self):
        powers = np.exp(X.astype(np.float64))
        self.assertTrue(near(self.forward(clact.Activation("softmax", axis=1), X), powers / powers.sum(1, keepdims=True)))
        mask = np.array([True, False, True, True])
        y = self.forward("softmax", X, mask=self.give(mask))
        self.assertTrue(near(y, mask * powers / (mask * powers).sum(-1, keepdims=True)))
        dx = self.take(self.context.backward("softmax", self.give(DY), y=self.give(y)))
        inner = (y.astype(np.float64) * DY).sum(-1, keepdims=True)
        self.assertLess(np.abs(dx - y * (DY - inner)).max(), 1e-6)

    def test_pieces(self):
        self.assertTrue(same(self.forward(clact.Activation("maxout", pieces=4), X), X.max(-1, keepdims=True)))
        y = self.forward("crelu", X)
        self.assertTrue(same(y, np.concatenate([np.maximum(X, 0), np.maximum(-X, 0)], -1)))
        dx = self.take(self.context.backward("crelu", self.give(np.ones_like(y)), y=self.give(y)))
        self.assertTrue(same(dx, np.sign(X)))

    def test_noise(self):
        half = clact.Activation("dropout", rate=0.5)
        x = np.ones(4096, np.float32)
        y, again = (self.forward(half, x, training=True, seed=7) for _ in range(2))
        self.assertTrue(same(y, again))
        self.assertEqual(set(y), {0, 2})
        self.assertLess(abs(y.mean() - 1), 0.1)
        self.assertFalse(same(y, self.forward(half, x, training=True, seed=8)))
        self.assertTrue(same(y, self.backward(half, x, x, training=True, seed=7)))
        self.assertTrue(same(self.forward(half, x), x))

    def test_outputs(self):
        out = self.give(X.copy())
        self.assertIs(self.context.forward("relu", self.give(X), out=out), out)
        self.assertTrue(same(self.take(out), np.maximum(X, 0)))
        total = self.give(np.full_like(X, 10))
        self.context.backward("identity", self.give(DY), out=total, beta=0.5)
        self.assertTrue(same(self.take(total), DY + 5))

    def test_refusals(self):
        with self.assertRaises(clact.Error) as raised:
            self.forward("relu", X, gate=self.give(X))
        self.assertEqual(raised.exception.status, clact.Status.ARGUMENT)
        with self.assertRaises(clact.Error) as raised:
            self.forward("relu", X, out=self.give(X.astype(np.float64)))
        self.assertIn("f64", str(raised.exception))
        with self.assertRaises(clact.Error):
            self.forward(clact.Activation("softmax", axis=5), X)


class HostCalls(Calls):
    def test_strides(self):
        for x in (X[::-1, :, ::-2], X.transpose(2, 0, 1), X[:, 1:2], np.broadcast_to(X[:1, :1], (5, 3, 4))):
            self.assertTrue(same(self.forward("relu", x), np.ascontiguousarray(np.maximum(x, 0))))
            self.assertTrue(near(self.backward("sigmoid", x, x), x * sigmoid(x) * (1 - sigmoid(x))))
        out = np.full((3, 8), -1, np.float32)
        self.context.forward("relu", X[0], out=out[::-1, ::2])
        self.assertTrue(same(out[:, ::2].copy(), np.maximum(X[0], 0)[::-1].copy()))
        self.assertTrue(np.all(out[:, 1::2] == -1))
        part = np.zeros(3, np.dtype([("byte", "u1"), ("value", "<f4")]))["value"]
        with self.assertRaises(ValueError):
            self.forward("relu", part)

    def test_lists_and_read_only_arrays(self):
        self.assertEqual(list(self.context.forward("relu", [-1.0, 2.0])), [0, 2])
        fixed = np.zeros(3, np.float32)
        fixed.flags.writeable = False
        self.context.forward("relu", fixed)
        with self.assertRaises(ValueError):
            self.context.forward("relu", np.ones(3, np.float32), out=fixed)
        with self.assertRaises(ValueError):
            self.context.backward("relu", np.ones(3, np.float32), x=np.ones(3, np.float32), out=fixed)

    def test_threads(self):
        x = np.linspace(-9, 9, 100000, dtype=np.float32)
        expected, results = self.forward("gelu", x), [None] * 4

        def work(i):
            for _ in range(20):
                results[i] = self.forward("gelu", x)

        threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertTrue(all(same(result, expected) for result in results))


class DeviceCalls(Calls):
    def give(self, values):
        return self.context.array(values)

    def take(self, values):
        return values.get()

    def test_the_bits_are_those_of_the_host(self):
        if self.context.caps.exact != clact.Exactness.ALL:
            self.skipTest("the device is not exact")
        with clact.Context("cpu") as cpu:
            self.assertTrue(same(self.forward("gelu", X), cpu.forward("gelu", X)))

    def test_strides(self):
        whole = self.give(X)
        view = clact.Array(self.context, (3, 2), memory=whole, strides=(-16, 8), offset=36)
        expected = X.reshape(-1)[[[9, 11], [5, 7], [1, 3]]]
        self.assertTrue(same(view.get(), expected))
        self.assertTrue(same(self.context.forward("square", view).get(), expected * expected))
        with self.assertRaises(clact.Error) as raised:
            self.context.forward("relu", clact.Array(self.context, (24,), memory=whole, offset=4))
        self.assertEqual(raised.exception.status, clact.Status.BOUNDS)
        with self.assertRaises(ValueError):
            self.context.forward("relu", clact.Array(self.context, (2,), memory=whole, offset=2))
        with self.assertRaises(ValueError):
            view.set(expected)
        with self.assertRaises(ValueError):
            whole.set(X[0])

    def test_closing(self):
        context = clact.Context()
        array = context.array(X)
        context.close()
        with self.assertRaises(clact.Error):
            context.forward("relu", array)
        with self.assertRaises(clact.Error):
            array.get()
        context.close()

    def test_what_is_forgotten_is_closed(self):
        array = clact.Context("cpu").array(X) # outlives its context's last name
        gc.collect()
        self.assertTrue(same(array.get(), X))


@unittest.skipUnless(pyopencl, "PyOpenCL is not installed")
class OpenCLCalls(Calls):
    @classmethod
    def setUpClass(cls):
        with clact.Context() as chosen:
            caps = chosen.caps
        if caps.backend != "opencl":
            raise unittest.SkipTest("there is no OpenCL device")
        device = pyopencl.get_platforms()[caps.platform_index].get_devices()[caps.device_index]
        own = pyopencl.Context([device])
        cls.queue = pyopencl.CommandQueue(own)
        cls.context = clact.Context.from_opencl(own, device, cls.queue)

    def give(self, values):
        return pyopencl.array.to_device(self.queue, np.array(values))

    def take(self, values):
        return values.get()

    def test_views_and_events(self):
        x = self.give(X.reshape(-1))
        y = self.context.forward("relu", x[3:9])
        self.assertEqual(len(y.events), 1)
        self.assertTrue(same(y.get(), np.maximum(X.reshape(-1)[3:9], 0)))

    def test_shapes(self):
        pass # PyOpenCL has no arrays without elements to give


class Contexts(unittest.TestCase):
    def test_options(self):
        with clact.Context("cpu", threads=1, cpu="baseline") as context:
            self.assertEqual((context.caps.backend, context.caps.threads, context.caps.cpu), ("cpu", 1, "baseline"))
            self.assertEqual(context.caps.exact, clact.Exactness.ALL)
            context.finish()
        with self.assertRaises(clact.Error) as raised:
            clact.Context("no such device")
        self.assertEqual(raised.exception.status, clact.Status.NO_DEVICE)
        with self.assertRaises(TypeError):
            clact.Context("cpu", thread=1)

    def test_the_log(self):
        said = []
        with contextlib.suppress(clact.Error):
            clact.Context("opencl", log=lambda level, message: said.append(message)).close()
            self.assertTrue(any("is the chosen OpenCL device" in message for message in said), said)


del Calls  # its tests are run by those made from it
if __name__ == "__main__":
    unittest.main()
