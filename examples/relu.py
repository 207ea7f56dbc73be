#!/usr/bin/env python3
"""relu.py: the ReLU of an array and its gradient, on whatever device there is."""
import os
import sys

import numpy

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "python"))  # where it is not installed
import clact

x = numpy.array([-5, -2, 0, 3], numpy.float32)
with clact.Context() as context:
    leaky = clact.Activation("relu", negative_slope=0.5)
    print(context.forward("relu", x))
    print(context.forward(leaky, x))
    print(context.backward(leaky, numpy.ones_like(x), x=x))
