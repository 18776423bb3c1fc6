"""Writes the safetensors files of this folder, with Python's struct and json alone: python3 write_files.py

They are written by the format's description (https://github.com/huggingface/safetensors#format), not by this library, and not the way this library
writes: blanks in the header, entries in another order than their bytes, a header whose length is no multiple of 8.
"""
import json
import os
import struct

HERE = os.path.dirname(os.path.abspath(__file__))


def write(name, tensors, metadata=None, order=None, indent=None):
    header, data = {}, b""
    for tensor, (dtype, shape, code, values) in tensors.items():
        raw = struct.pack("<%d%s" % (len(values), code), *values)
        header[tensor] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    entries = {k: header[k] for k in (order or header)}
    if metadata:
        entries = {**entries, "__metadata__": metadata}
    text = json.dumps(entries, indent=indent, ensure_ascii=False).encode("utf-8")
    with open(os.path.join(HERE, name), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


# Every type that is read, a tensor without elements, a single number.
write(
    "types.safetensors",
    {
        "f32": ("F32", [2, 3], "f", [1.5, -0.0, 1e-40, 3.4028234663852886e38, 0.1, -7.25]),
        "f64": ("F64", [2], "d", [0.1, -1e-3]),
        "f16": ("F16", [3], "e", [1.0, -5.0, 2.0**-24]),
        "bf16": ("BF16", [1, 3], "H", [0x3F80, 0xC0A0, 0x7F80]),
        "größe": ("F32", [0, 4], "f", []),
        "i64": ("I64", [], "q", [-12345678901]),
        "i32": ("I32", [2], "i", [-3, 2147483647]),
        "i16": ("I16", [1], "h", [-4]),
        "i8": ("I8", [2], "b", [-128, 127]),
        "u64": ("U64", [1], "Q", [2**63 - 1]),
        "u32": ("U32", [1], "I", [4294967295]),
        "u16": ("U16", [1], "H", [65535]),
        "u8": ("U8", [3], "B", [0, 1, 255]),
    },
    metadata={"origin": "write_files.py", "quote": "a \"b\" \\ ü"},
    order=["u8", "größe", "f32", "i64", "f64", "i32", "f16", "i16", "bf16", "i8", "u64", "u32", "u16"],
    indent=1,
)

# The state dict of Sequential(OrderedDict(linear1=Linear(2, 3), norm1=BatchNorm1d(3), linear2=Linear(3, 2))), as PyTorch names and orders it.
write(
    "pytorch.safetensors",
    {
        "linear1.weight": ("F32", [3, 2], "f", [0.5, -0.25, 1.0, 2.0, -1.5, 0.75]),
        "linear1.bias": ("F32", [3], "f", [0.125, -0.5, 0.25]),
        "norm1.weight": ("F32", [3], "f", [1.5, 0.5, -1.0]),
        "norm1.bias": ("F32", [3], "f", [0.25, -0.125, 0.5]),
        "norm1.running_mean": ("F32", [3], "f", [0.5, -1.0, 0.25]),
        "norm1.running_var": ("F32", [3], "f", [4.0, 0.25, 1.0]),
        "norm1.num_batches_tracked": ("I64", [], "q", [77]),
        "linear2.weight": ("F32", [2, 3], "f", [1.0, -2.0, 0.5, 0.25, 1.0, -1.0]),
        "linear2.bias": ("F32", [2], "f", [0.0, 1.0]),
    },
)
