#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes and checks the golden files of the encoders, sharing no code with any of them.

    golden.py make DIR     writes the files: exact rational arithmetic, each operation rounded once
    golden.py check DIR    holds them against PyTorch in float64, within a tolerance

A file is little-endian words of 32 bits, integers (i) or float32 bits (f):

    i magic 0x5AEF0001   i layer norm (0, 1)   i function (0 TopK, 1 ReLU, 2 JumpReLU)   i k (0 without TopK)
    i width D   i latents n   i tokens T   i non-finite tokens   i entries m
    f input bias [D]   f weights [n, D]   f bias [n]   f thresholds [n]   f activations [T, D]
    i offsets [T + 1]   i latents [m]   f values [m]
"""
import math
import pathlib
import random
import struct
import sys
from fractions import Fraction

MAGIC = 0x5AEF0001
TOP_K, RELU, JUMP_RELU = 0, 1, 2


# ---- float32. A sum, difference or quotient of two float32 numbers may be rounded to float64 first.
def f32(value):
    try:
        return struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)


def rounded(exact):
    """A rational to float32: to nearest, ties to even."""
    if exact == 0:
        return 0.0
    magnitude = abs(exact)
    exponent = math.floor(math.log2(magnitude.numerator) - math.log2(magnitude.denominator))
    while Fraction(2) ** exponent > magnitude:
        exponent -= 1
    while Fraction(2) ** (exponent + 1) <= magnitude:
        exponent += 1
    unit = Fraction(2) ** (max(exponent, -126) - 23)
    value = float(round(magnitude / unit) * unit)       # round() takes ties to even
    return math.copysign(f32(value), exact)


def fma(a, b, c):
    exact = Fraction(a) * Fraction(b) + Fraction(c)
    if exact == 0:                                      # signs of zeros: never an issue after + 0 below
        return a * b + c
    return rounded(exact)


# ---- The definitions.
def dot32(x, w):
    lanes = [0.0] * 32
    for j, (a, b) in enumerate(zip(x, w)):
        lanes[j % 32] = fma(a, b, lanes[j % 32])
    for bit in (16, 8, 4, 2, 1):
        lanes = [f32(lanes[l] + lanes[l ^ bit]) for l in range(32)]
    return lanes[0]


def row(case, x):
    """The row that meets the weights, or None if something is not finite."""
    if not all(map(math.isfinite, x)):
        return None
    y = x
    if case["layer_norm"]:
        total = 0.0
        for v in x:
            total += v
        mean = f32(total / len(x))
        c = [f32(v - mean) for v in x]
        total = 0.0
        for v in c:
            total += v
        center = total / len(x)
        squares = 0.0
        for v in c:
            squares += (v - center) * (v - center)
        scale = f32(f32(math.sqrt(squares / (len(x) - 1))) + f32(1e-5))
        y = [f32(v / scale) for v in c]
    z = [f32(a - b) for a, b in zip(y, case["input_bias"])]
    return z if all(map(math.isfinite, z)) else None


def encode(case, x):
    """[(latent, value)], ascending, or None."""
    z = row(case, x)
    if z is None:
        return None
    pre = [f32(f32(dot32(z, w) + b) + 0.0) for w, b in zip(case["weights"], case["bias"])]
    if not all(map(math.isfinite, pre)):
        return None
    chosen = range(len(pre))
    if case["function"] == TOP_K:
        chosen = sorted(sorted(chosen, key=lambda i: (-pre[i], i))[: case["k"]])
    above = case["thresholds"] if case["function"] == JUMP_RELU else [0.0] * len(pre)
    return [(i, pre[i]) for i in chosen if pre[i] > 0 and pre[i] > above[i]]


# ---- Cases.
def case(seed, width, latents, tokens, function, k=0, layer_norm=False, bias=True):
    draw = random.Random(seed)
    normals = lambda count, scale: [f32(draw.gauss(0, 1) * scale) for _ in range(count)]
    return dict(
        draw=draw, layer_norm=layer_norm, function=function, k=k,
        input_bias=normals(width, 0.1) if bias else [0.0] * width,
        weights=[normals(width, width ** -0.5) for _ in range(latents)],
        bias=normals(latents, 0.2), thresholds=[0.0] * latents,
        activations=[normals(width, 1) for _ in range(tokens)])


def cases():
    yield "top-k", case(1, 48, 150, 7, TOP_K, k=6)
    yield "top-k-layer-norm", case(2, 33, 130, 6, TOP_K, k=5, layer_norm=True)

    ties = case(3, 40, 129, 6, TOP_K, k=4, bias=False)
    draw = ties["draw"]
    ties["weights"] = [[float(draw.randint(-1, 1)) for _ in range(40)] for _ in range(129)]
    ties["weights"][64:128] = [list(w) for w in ties["weights"][:64]]
    ties["bias"] = [0.0] * 129
    ties["activations"] = [[float(draw.randint(-2, 2)) for _ in range(40)] for _ in range(5)] + [[0.0] * 40]
    yield "ties", ties

    near = case(4, 37, 64, 3, TOP_K, k=5, bias=False)      # equal but for rounding
    first = near["weights"][0]
    near["weights"] = [[first[(i + j) % 37] for j in range(37)] for i in range(64)]
    near["bias"] = [0.25] * 64
    near["activations"] = [[f32(0.7 + t)] * 37 for t in range(3)]
    yield "near-ties", near

    yield "large-k", case(5, 31, 140, 4, TOP_K, k=60)
    yield "relu", case(6, 65, 130, 5, RELU)

    jump = case(7, 32, 100, 5, JUMP_RELU, layer_norm=True)
    jump["thresholds"] = [f32(jump["draw"].gauss(0.5, 0.5)) for _ in range(100)]
    open_case = dict(jump, thresholds=[-1.0] * 100)
    for i, value in encode(open_case, jump["activations"][0]):   # active only above, not at, the threshold
        if i % 2 == 0:
            jump["thresholds"][i] = value
    yield "jump-relu", jump

    tiny = case(8, 20, 60, 4, TOP_K, k=7, bias=False)      # products and sums underflow
    scaled = lambda rows: [[f32(v * 2.0 ** -70) for v in r] for r in rows]
    tiny.update(weights=scaled(tiny["weights"]), activations=scaled(tiny["activations"]),
                bias=[f32(b * 2.0 ** -140) for b in tiny["bias"]])
    yield "underflow", tiny

    odd = case(9, 24, 70, 6, RELU, bias=False)             # huge, infinite and ordinary tokens
    odd["activations"][1][3] = math.nan
    odd["activations"][2][23] = -math.inf
    odd["activations"][3] = [f32(3e38 * math.copysign(1, v)) for v in odd["activations"][3]]
    odd["activations"][4] = [f32(v * 2.0 ** 80) for v in odd["activations"][4]]
    yield "non-finite", odd


def write(path, c):
    offsets, latents, values, non_finite = [0], [], [], 0
    for x in c["activations"]:
        entries = encode(c, x)
        non_finite += entries is None
        for latent, value in entries or []:
            latents.append(latent)
            values.append(value)
        offsets.append(len(latents))
    floats = c["input_bias"] + sum(c["weights"], []) + c["bias"] + c["thresholds"] + sum(c["activations"], [])
    header = [MAGIC, int(c["layer_norm"]), c["function"], c["k"], len(c["input_bias"]), len(c["weights"]),
              len(c["activations"]), non_finite, len(latents)]
    path.write_bytes(
        struct.pack(f"<{len(header)}i", *header) + struct.pack(f"<{len(floats)}f", *floats)
        + struct.pack(f"<{len(offsets) + len(latents)}i", *offsets, *latents)
        + struct.pack(f"<{len(values)}f", *values))
    print(f"{path.name}: {len(latents)} entries, {non_finite} tokens not finite")


# ---- The check.
def check(path):
    import torch
    words = path.read_bytes()
    magic, layer_norm, function, k, d, n, t, non_finite, m = struct.unpack_from("<9i", words)
    assert magic == MAGIC
    at = 36
    def take(count, kind=torch.float32):
        nonlocal at
        values = torch.frombuffer(bytearray(words[at:at + 4 * count]), dtype=kind)
        at += 4 * count
        return values
    input_bias, w, b, theta, x = take(d), take(n * d).view(n, d), take(n), take(n), take(t * d).view(t, d)
    offsets, latents, values = take(t + 1, torch.int32), take(m, torch.int32), take(m)
    assert at == len(words)
    x, w, b, theta, input_bias = (v.double() for v in (x, w, b, theta, input_bias))
    if layer_norm:
        x = x - x.mean(-1, keepdim=True)
        x = x / (x.std(-1, keepdim=True) + 1e-5)
    z = x - input_bias
    pre = z @ w.t() + b
    error = 1e-5 * (z.abs() @ w.abs().t() + b.abs()) + 2.0 ** -140
    found = 0
    for i in range(t):
        mine = slice(int(offsets[i]), int(offsets[i + 1]))
        got, value = latents[mine].long(), values[mine].double()
        if not bool((z[i].isfinite().all()) & (pre[i].abs() < 3.4e38).all()):
            assert len(got) == 0, (path, i)
            found += 1
            continue
        assert bool(((value - pre[i][got]).abs() <= error[i][got]).all()), (path, i)
        assert bool((got[1:] > got[:-1]).all()) and bool((value > 0).all())
        rest = torch.ones(n, dtype=torch.bool)
        rest[got] = False
        if function == TOP_K:
            least = value.min() if len(got) == k else torch.tensor(0.0, dtype=torch.double)
            assert len(got) <= k
        elif function == JUMP_RELU:
            least = theta.clamp(min=0)[rest]
        else:
            least = torch.tensor(0.0, dtype=torch.double)
        assert bool((pre[i][rest] - error[i][rest] <= least).all()), (path, i)
    assert found == non_finite, (path, found, non_finite)
    print(f"{path.name}: agrees with torch")


if __name__ == "__main__":
    command, directory = sys.argv[1], pathlib.Path(sys.argv[2])
    if command == "make":
        for name, c in cases():
            write(directory / f"{name}.bin", c)
    else:
        for file in sorted(directory.glob("*.bin")):
            check(file)
