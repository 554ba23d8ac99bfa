"""Files of arrays (.safetensors), read and written."""
import json
import struct

import torch

types = {"F32": torch.float32, "I32": torch.int32}


def safetensors(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = bytearray(file.read())

    def array(dtype, shape, data_offsets):
        flat = torch.frombuffer(data, dtype=types[dtype], offset=data_offsets[0], count=torch.Size(shape).numel())
        return flat.view(shape)

    return {name: array(**entry) for name, entry in header.items() if name != "__metadata__"}


def save(arrays, path):
    """Of float32."""
    header, at = {}, 0
    for name, x in arrays.items():
        size = 4 * x.numel()
        header[name] = {"dtype": "F32", "shape": list(x.shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for x in arrays.values():
            file.write(x.contiguous().numpy().tobytes())
