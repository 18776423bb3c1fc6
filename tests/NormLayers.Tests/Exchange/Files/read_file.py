"""Reads a safetensors file with Python's struct and json alone, and prints the type, name, shape and numbers of each tensor: python3 read_file.py FILE

By the format's description (https://github.com/huggingface/safetensors#format), not by this library.
"""
import json
import struct
import sys

CODES = {"F32": "f", "F64": "d", "I64": "q"}

with open(sys.argv[1], "rb") as file:
    content = file.read()
length = struct.unpack("<Q", content[:8])[0]
header = json.loads(content[8 : 8 + length].decode("utf-8"))
header.pop("__metadata__", None)
data = content[8 + length :]
for name, tensor in header.items():
    begin, end = tensor["data_offsets"]
    code = CODES[tensor["dtype"]]
    count = (end - begin) // struct.calcsize("<" + code)
    numbers = struct.unpack("<%d%s" % (count, code), data[begin:end])
    print(tensor["dtype"], name, ",".join(map(str, tensor["shape"])), ",".join(map(repr, numbers)), sep="\t")
