"""The training step in NumPy, as a peer of the benchmarks: answers requests, one JSON object a line.

What it computes: linear layers with bias, batch or layer normalization, ReLU, softmax cross-entropy, plain SGD.
"""
import ctypes
import json
import sys
import time

import numpy as np

EPSILON = np.float32(1e-5)


def blas():
    """The BLAS library that is really loaded, and for OpenBLAS the kernels it chose."""
    np.ones((2, 2), np.float32) @ np.ones((2, 2), np.float32)
    with open("/proc/self/maps", encoding="utf-8") as maps:
        names = {line.split("/", 1)[1].strip() for line in maps if "/" in line and "blas" in line.rsplit("/", 1)[1]}
    for name in sorted(names):
        try:
            core = ctypes.CDLL("/" + name).openblas_get_corename
            core.restype = ctypes.c_char_p
            return f"/{name}, {core().decode()} kernels"
        except AttributeError:
            continue
    return ", ".join("/" + name for name in sorted(names)) or "unknown BLAS"


class Step:
    def __init__(self, request):
        data = np.fromfile(request["data"], np.float32)
        batches, batch, features = request["batches"], request["batch"], request["widths"][0]
        self.rate = np.float32(request["learning_rate"])
        self.mode = request["mode"]
        samples = batches * batch
        self.x = data[: samples * features].reshape(batches, batch, features).copy()
        labels = data[samples * features : samples * (features + 1)].astype(np.int64)
        self.labels = labels.reshape(batches, batch)
        self.rows = np.arange(batch)
        rest = data[samples * (features + 1) :]
        self.layers = []
        for inputs, outputs in zip(request["widths"], request["widths"][1:]):
            layer = {}
            for name, shape in (("w", (outputs, inputs)), ("b", (outputs,))):
                size = int(np.prod(shape))
                layer[name], rest = rest[:size].reshape(shape).copy(), rest[size:]
            if self.mode != "none" and len(self.layers) < len(request["widths"]) - 2:
                layer["gamma"], layer["beta"], rest = rest[:outputs].copy(), rest[outputs : 2 * outputs].copy(), rest[2 * outputs :]
                layer["mean"], layer["variance"] = np.zeros(outputs, np.float32), np.ones(outputs, np.float32)
            self.layers.append(layer)
        self.axis = 0 if self.mode == "batchnorm" else 1
        self.index = 0

    def run(self):
        i = self.index % len(self.x)
        self.index += 1
        h = self.x[i]
        batch = len(h)
        kept = []
        for layer in self.layers[:-1]:
            z = h @ layer["w"].T + layer["b"]
            x_hat = rstd = None
            if self.mode != "none":
                mean = z.mean(self.axis, keepdims=True)
                z = z - mean
                variance = np.square(z).mean(self.axis, keepdims=True)
                rstd = 1 / np.sqrt(variance + EPSILON)
                x_hat = z * rstd
                z = x_hat * layer["gamma"] + layer["beta"]
                if self.mode == "batchnorm":
                    layer["mean"] += np.float32(0.1) * (mean[0] - layer["mean"])
                    layer["variance"] += np.float32(0.1) * (variance[0] * np.float32(batch / (batch - 1)) - layer["variance"])
            kept.append((h, x_hat, rstd, z))
            h = np.maximum(z, 0)
        last = self.layers[-1]
        logits = h @ last["w"].T + last["b"]
        logits -= logits.max(1, keepdims=True)
        exp = np.exp(logits)
        total = exp.sum(1, keepdims=True)
        labels = self.labels[i]
        loss = float((np.log(total[:, 0]) - logits[self.rows, labels]).mean())
        d = exp / total
        d[self.rows, labels] -= 1
        d /= np.float32(batch)
        d_h = d @ last["w"]
        last["w"] -= self.rate * (d.T @ h)
        last["b"] -= self.rate * d.sum(0)
        for k in range(len(kept) - 1, -1, -1):
            layer, (h, x_hat, rstd, z) = self.layers[k], kept[k]
            d = d_h * (z > 0)
            if self.mode != "none":
                g = d * layer["gamma"]
                layer["gamma"] -= self.rate * (d * x_hat).sum(0)
                layer["beta"] -= self.rate * d.sum(0)
                d = rstd * (g - g.mean(self.axis, keepdims=True) - x_hat * (g * x_hat).mean(self.axis, keepdims=True))
            if k > 0:
                d_h = d @ layer["w"]
            layer["w"] -= self.rate * (d.T @ h)
            layer["b"] -= self.rate * d.sum(0)
        return loss


def timed(work, seconds):
    """The median time of a call in nanoseconds."""
    samples = []
    end = time.perf_counter() + seconds
    while not samples or time.perf_counter() < end:
        start = time.perf_counter_ns()
        work()
        samples.append(time.perf_counter_ns() - start)
    return float(np.median(samples))


def main():
    step = None
    for line in sys.stdin:
        request = json.loads(line)
        if request["do"] == "describe":
            answer = {"version": f"NumPy {np.__version__} on Python {sys.version.split()[0]}, {blas()}"}
        elif request["do"] == "measure":
            answer = {"ns": timed(step.run, request["milliseconds"] / 1000), "bytes": None}
        elif "data" in request:
            step = Step(request)
            losses = [step.run() for _ in range(request["steps"])]
            # JSON knows no NaN and no infinity.
            answer = {"taken": True, "losses": [x if np.isfinite(x) else sys.float_info.max for x in losses]}
            timed(step.run, 0.05)
        else:
            answer = {"taken": False}
        print(json.dumps(answer), flush=True)


main()
