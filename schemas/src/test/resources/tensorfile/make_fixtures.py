#!/usr/bin/env python3
"""Makes the files beside it, with the libraries whose formats they are in.

    pip install numpy torch safetensors && python make_fixtures.py

Tests hold the expected values, which follow from the formulas here: `ramp(n)[i] = i / 4 - 1`.
"""
import collections
import pathlib

import numpy as np
import torch
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent


def ramp(*shape):
    n = int(np.prod(shape))
    return (torch.arange(n, dtype=torch.float32) / 4 - 1).reshape(shape)


def tensors():
    save_file({
        "f32": ramp(2, 3), "f16": ramp(2, 3).half(), "bf16": ramp(2, 3).bfloat16(), "f64": ramp(2, 3).double(),
        "i64": torch.tensor([1, -2, 2**40]), "i32": torch.tensor([1, -2], dtype=torch.int32),
        "i16": torch.tensor([1, -2], dtype=torch.int16), "i8": torch.tensor([1, -2], dtype=torch.int8),
        "u8": torch.tensor([1, 254], dtype=torch.uint8), "u16": torch.tensor([1, 65534], dtype=torch.uint16),
        "u32": torch.tensor([1, 2**32 - 2], dtype=torch.uint32), "bool": torch.tensor([True, False]),
        "scalar": torch.tensor(2.5), "empty": torch.zeros(0, 3), "größe": ramp(2),
    }, HERE / "tensors.safetensors", metadata={"format": "pt"})


def sharded():
    folder = HERE / "sharded"
    folder.mkdir(exist_ok=True)
    save_file({"first": ramp(2)}, folder / "model-00001-of-00002.safetensors")
    save_file({"second": ramp(3)}, folder / "model-00002-of-00002.safetensors")
    (folder / "model.safetensors.index.json").write_text(
        '{"metadata": {"total_size": 20}, "weight_map": {"first": "model-00001-of-00002.safetensors", '
        '"second": "model-00002-of-00002.safetensors"}}\n')


def checkpoints():
    base = ramp(4, 6)
    tied = ramp(3, 2)
    state = collections.OrderedDict([
        ("float32", ramp(2, 3)), ("float64", ramp(2, 3).double()), ("float16", ramp(2, 3).half()),
        ("bfloat16", ramp(2, 3).bfloat16()), ("int64", torch.tensor([1, -2, 2**40])),
        ("transposed", ramp(3, 2).t()), ("view", base[1:3, 1::2]), ("column", base[:, 5]),
        ("tied.a", tied), ("tied.b", tied.t()), ("parameter", torch.nn.Parameter(ramp(2))),
        ("scalar", torch.tensor(2.5)), ("empty", torch.zeros(0, 3)), ("expanded", torch.ones(1).expand(4)),
        ("activation", "TopK"), ("activation_state_dict", {"k": 3, "postact_fn": "ReLU"}),
        ("list", [1, 2.5, None, True]), ("dtype", torch.float32), ("size", torch.Size([2, 3])),
        ("device", torch.device("cpu")), ("big", 2**40),
    ])
    torch.save(state, HERE / "state.pt")
    torch.save(state, HERE / "state-protocol4.pt", pickle_protocol=4)
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Linear(3, 2))
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(ramp(*p.shape))
    torch.save(model.state_dict(), HERE / "pytorch_model.bin")
    torch.save({"w": ramp(2)}, HERE / "legacy.pt", _use_new_zipfile_serialization=False)
    torch.save(model, HERE / "module.pt")


def arrays():
    tokens = np.arange(12).reshape(3, 4) * 1000
    for name in ("i2", "u2", "i4", "i8", "i1", "u4"):
        np.save(HERE / f"tokens-{name}.npy", (tokens % 128 if name == "i1" else tokens).astype("<" + name))
    with open(HERE / "version2.npy", "wb") as f:
        np.lib.format.write_array(f, tokens.astype("<i4"), version=(2, 0))
    with open(HERE / "version3.npy", "wb") as f:
        np.lib.format.write_array(f, tokens.astype("<i4"), version=(3, 0))
    np.save(HERE / "fortran.npy", np.asfortranarray(tokens.astype("<i4")))
    np.save(HERE / "big-endian.npy", tokens.astype(">i4"))
    np.save(HERE / "complex.npy", tokens.astype("<c8"))
    np.save(HERE / "structured.npy", np.zeros(2, dtype=[("a", "<i4")]))
    np.save(HERE / "object.npy", np.array([None, 1], dtype=object), allow_pickle=True)
    np.save(HERE / "f4.npy", ramp(6).numpy())
    np.save(HERE / "f8.npy", ramp(6).numpy().astype("<f8"))
    np.save(HERE / "wide.npy", np.array([[1, 2], [3, 2**31]], dtype="<i8"))
    np.save(HERE / "no-rows.npy", np.zeros((0, 4), dtype="<i4"))


if __name__ == "__main__":
    torch.manual_seed(0)
    tensors()
    sharded()
    checkpoints()
    arrays()
