"""FastAPI with ONNX Runtime, as short as people write it."""

import os

import numpy
import onnxruntime
from fastapi import FastAPI
from pydantic import BaseModel

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(os.environ["BENCH_MODEL"], options)
name = session.get_inputs()[0].name
app = FastAPI()


class Request(BaseModel):
    rows: list[list[float]]


@app.get("/ready")
async def ready() -> dict[str, bool]:
    return {"ready": True}


@app.post("/predict")
async def predict(request: Request) -> dict[str, list[float]]:
    rows = numpy.asarray(request.rows, dtype=numpy.float32)
    return {"predictions": session.run(None, {name: rows})[0].ravel().tolist()}
