"""Writes a model that behaves badly for some values of its only input, `x`."""

import sys

import cloudpickle


class Odd:
    """Doubles `x`, but for small whole numbers, each of which stands for a fault."""

    feature_names_in_ = ["x"]

    def predict(self, rows):
        import os
        import signal
        import sys
        import time

        import numpy

        values = rows["x"].to_numpy()
        fault = values[0]
        if fault == 1:
            os.kill(os.getpid(), signal.SIGSEGV)
        if fault == 2:
            time.sleep(600)
        if fault == 3:
            self.kept = getattr(self, "kept", []) + [b"x" * 200_000_000]
        if fault == 4:
            return numpy.array([1.0])
        if fault == 5:
            raise ValueError("no such row")
        if fault == 6:
            return numpy.zeros((len(values), 3))
        if fault == 7:
            os._exit(3)
        if fault == 8:
            numpy.ones(1 << 40)
        if fault == 9:
            return numpy.array([{} for _ in values], dtype=object)
        if fault == 10:
            print("loud " * 100_000)
            print("louder " * 100_000, file=sys.stderr)
            return values + len(sys.stdin.read())
        if fault == 11:
            return numpy.full(len(values), float("CARGO_MANIFEST_DIR" in os.environ))
        return 2 * values


cloudpickle.register_pickle_by_value(sys.modules[__name__])
with open(sys.argv[1], "wb") as file:
    cloudpickle.dump(Odd(), file)
