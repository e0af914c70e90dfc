"""One worker of Gingham: loads a model and answers rows, over the Unix socket that is its standard input.

Runs in the model's own environment. Needs pyarrow, and what the model itself needs; nothing else.

A frame is a word (u32) and a length (u64), little-endian, and so many bytes:
  to the worker    1 load (JSON), 2 predict (an Arrow IPC stream), 3 ping
  from the worker  0 answer (JSON after load, an Arrow IPC stream after predict), 1 failure (JSON), 3 pong
"""

import json
import os
import socket
import struct
import sys
import threading
import time

LOAD, PREDICT, PING = 1, 2, 3
ANSWER, FAILURE = 0, 1
FRAME = struct.Struct("<IQ")


class Refusal(Exception):
    """The rows' own fault."""


class WrongShape(Exception):
    """The model gave something that is no answer to the rows."""


class Pipe:
    """Frames on a socket."""

    def __init__(self):
        self.socket = socket.socket(fileno=os.dup(0))
        # A model that reads its standard input finds the end of it, and what it prints goes to the log.
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(2, 1)

    def exactly(self, count):
        parts = []
        while count:
            part = self.socket.recv(min(count, 1 << 20))
            if not part:
                os._exit(0)  # The server has gone.
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def read(self):
        word, length = FRAME.unpack(self.exactly(FRAME.size))
        return word, self.exactly(length)

    def write(self, word, content=b""):
        self.socket.sendall(FRAME.pack(word, len(content)))
        self.socket.sendall(content)


def end_with_the_server():
    """A server that was killed leaves nobody behind, even if the model hangs."""
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(2)
    os._exit(0)


class Model:
    """A loaded model: how rows become its arguments, and its results outputs."""

    def __init__(self, order):
        self.fields = order["inputs"]
        self.estimator = None
        self.model = None
        self.method = order.get("method") or "predict"
        loader, folder = order["loader"], order["folder"]
        if loader == "sklearn":
            self.estimator = load_sklearn(folder, order)
        else:
            import mlflow.pyfunc

            self.model = mlflow.pyfunc.load_model(folder)

    def told(self):
        """What the model says of its inputs, where nothing else does."""
        names, count = None, None
        if self.estimator is not None:
            names = getattr(self.estimator, "feature_names_in_", None)
            count = getattr(self.estimator, "n_features_in_", None)
        return {
            "python": sys.version.split()[0],
            "library": library("sklearn" if self.estimator is not None else "mlflow"),
            "columns": [str(name) for name in names] if names is not None else None,
            "features": int(count) if count is not None else None,
        }

    def answer(self, table):
        """The outputs for these rows: names with arrays, and the classes of scores."""
        rows = self.rows(table)
        if self.estimator is None:
            return named(self.model.predict(rows)), {}
        estimator, method = self.estimator, self.method
        labels = [str(label) for label in getattr(estimator, "classes_", [])]
        if method != "predict" or not labels or not hasattr(estimator, "predict_proba"):
            outputs = named(getattr(estimator, method)(rows))
            return outputs, {name: labels for name in outputs if labels and method == "predict_proba"}
        outputs = {"label": estimator.predict(rows), "probabilities": estimator.predict_proba(rows)}
        return outputs, {"probabilities": labels}

    def rows(self, table):
        import numpy

        if any(field.get("shape") for field in self.fields):
            arrays = {}
            for field in self.fields:
                column = table.column(field["name"]).combine_chunks()
                values = column.flatten() if field.get("shape") else column
                array = numpy.asarray(values.to_numpy(zero_copy_only=False), dtype=field.get("dtype"))
                arrays[field["name"]] = array.reshape([table.num_rows, *(field.get("shape") or [])])
            if len(arrays) == 1:
                return next(iter(arrays.values()))
            return arrays
        try:
            import pandas
        except ImportError:
            columns = [table.column(at).to_numpy(zero_copy_only=False) for at in range(table.num_columns)]
            return numpy.column_stack(columns)
        frame = table.to_pandas()
        for field in self.fields:
            if field.get("dtype") == "datetime64[ns]":
                try:
                    frame[field["name"]] = pandas.to_datetime(frame[field["name"]])
                except ValueError as error:
                    raise Refusal(f"`{field['name']}`: {error}") from error
        return frame


def library(name):
    try:
        return f"{name} {__import__(name).__version__}"
    except (ImportError, AttributeError):
        return name


def load_sklearn(folder, order):
    if os.path.exists(os.path.join(folder, "MLmodel")):
        try:
            import mlflow.sklearn

            return mlflow.sklearn.load_model(folder)
        except ImportError:
            pass  # Its environment has what the estimator needs, and no more.
    path = os.path.join(folder, order["file"])
    try:
        import cloudpickle as pickle
    except ImportError:
        import pickle
    with open(path, "rb") as file:
        return pickle.load(file)


def named(result):
    """What `predict` gave, as arrays by name."""
    if hasattr(result, "columns") and hasattr(result, "to_numpy"):
        return {str(name): result[name].to_numpy() for name in result.columns}
    if isinstance(result, dict):
        return {str(name): value for name, value in result.items()}
    return {"prediction": result}


def plain(name, value, rows):
    """An array of rows of one of the types that are handed on."""
    import numpy

    if hasattr(value, "to_numpy"):
        value = value.to_numpy()
    array = numpy.asarray(value)
    if array.ndim == 0 or array.shape[0] != rows:
        found = "a single value" if array.ndim == 0 else f"{array.shape[0]} rows"
        raise WrongShape(f"the model gave {found} of `{name}` for {rows} rows")
    array = array.reshape(rows, -1) if array.ndim > 2 else array
    if array.dtype.kind in "OU":
        flat = array.reshape(-1).tolist()
        if any(not isinstance(value, str) for value in flat):
            other = next(value for value in flat if not isinstance(value, str))
            raise WrongShape(f"the model gave values of type `{type(other).__name__}` in `{name}`")
        return array, flat
    if array.dtype.kind not in "fiub":
        raise WrongShape(f"the model gave values of type `{array.dtype}` in `{name}`")
    return array, None


def encoded(outputs, labels, rows):
    import pyarrow

    names, columns = [], []
    for name, value in outputs.items():
        array, words = plain(name, value, rows)
        flat = pyarrow.array(words if words is not None else array.reshape(-1))
        if array.ndim == 2:
            flat = pyarrow.FixedSizeListArray.from_arrays(flat, array.shape[1])
        names.append(name)
        columns.append(flat)
    table = pyarrow.table(columns, names=names)
    table = table.replace_schema_metadata({"labels": json.dumps(labels)})
    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def main():
    pipe = Pipe()
    threading.Thread(target=end_with_the_server, daemon=True).start()
    model = None
    while True:
        word, content = pipe.read()
        if word == PING:
            pipe.write(PING)
            continue
        try:
            if word == LOAD:
                import pyarrow  # Missing? Then it is said now.

                model = Model(json.loads(content))
                pipe.write(ANSWER, json.dumps(model.told()).encode())
            else:
                import pyarrow

                table = pyarrow.ipc.open_stream(content).read_all()
                outputs, labels = model.answer(table)
                pipe.write(ANSWER, encoded(outputs, labels, table.num_rows))
        except MemoryError:
            raise  # Nothing is sure after that: another process begins anew.
        except Exception as error:  # noqa: BLE001 - whatever a model raises is told
            kind = "refused" if isinstance(error, Refusal) else "shape" if isinstance(error, WrongShape) else "failed"
            said = str(error) if kind != "failed" else f"{type(error).__name__}: {error}"
            pipe.write(FAILURE, json.dumps({"kind": kind, "message": said[:2000]}).encode())


main()
