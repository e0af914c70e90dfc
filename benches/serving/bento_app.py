"""BentoML with ONNX Runtime inside."""

import os

import bentoml
import numpy
import onnxruntime


@bentoml.service(workers=1)
class Bench:
    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(os.environ["BENCH_MODEL"], options)
        self.name = self.session.get_inputs()[0].name

    @bentoml.api
    def predict(self, rows: list[list[float]]) -> list[float]:
        table = numpy.asarray(rows, dtype=numpy.float32)
        return self.session.run(None, {self.name: table})[0].ravel().tolist()
