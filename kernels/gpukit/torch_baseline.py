#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tokens per second of torch's matmul + topk, which materialises all pre-activations.

A CSV line on standard output for each type, number of latents and k: the median of 20 runs after 3
for warming up, timed by events with all data on the GPU, and of 5 runs from activations in the
host's memory to latents there, as GpuBenchmark times its own. Gaussian weights and activations, the
activations of 4 inputs in turn. Tokens are taken by chunks whose pre-activations are 4 GiB at most.

Types: float32, tf32 (float32 with tensor cores of 10 bits of mantissa), float16.
"""
import argparse
import math
import statistics
import sys
import time

import torch

WARM_UP = 3
RUNS = 20
HOST_RUNS = 5
INPUTS = 4
CHUNK_BYTES = 4 << 30
HEADER = (
    "device,torch,type,width,latents,k,tokens,chunk_tokens,median_ms,least_ms,most_ms,"
    "tokens_per_second,tokens_per_second_from_host"
)


def numbers(text):
    return [int(number) for number in text.split(",")]


def encode(x, weights, bias, k, chunk):
    """x [T, D], weights [D, n], bias [n]: the k largest of each row, chunk after chunk."""
    return [
        torch.topk(torch.addmm(bias, part, weights), k, sorted=False) for part in x.split(chunk)
    ]


def device_milliseconds(work):
    """How long work takes on the GPU; on a processor, by the clock."""
    if not torch.cuda.is_available():
        start = time.perf_counter()
        work()
        return 1e3 * (time.perf_counter() - start)
    start = torch.cuda.Event(enable_timing=True)
    end = torch.cuda.Event(enable_timing=True)
    start.record()
    work()
    end.record()
    end.synchronize()
    return start.elapsed_time(end)


def host_milliseconds(x, weights, bias, k, chunk):
    """From a row-major float32 array of the host to values and latents of the host."""
    start = time.perf_counter()
    moved = x.to(weights.device).to(weights.dtype)
    for values, latents in encode(moved, weights, bias, k, chunk):
        values.cpu()
        latents.cpu()
    return 1e3 * (time.perf_counter() - start)


def measure(name, inputs, weights, bias, k):
    latents = weights.shape[1]
    tokens = inputs[0].shape[0]
    chunk = max(1, min(tokens, CHUNK_BYTES // (latents * weights.element_size())))
    moved = [x.to(weights.device).to(weights.dtype) for x in inputs]
    times = []
    for run in range(WARM_UP + RUNS):
        x = moved[run % INPUTS]
        times.append(device_milliseconds(lambda: encode(x, weights, bias, k, chunk)))
    times = sorted(times[WARM_UP:])
    host = statistics.median(
        host_milliseconds(inputs[run % INPUTS], weights, bias, k, chunk) for run in range(HOST_RUNS)
    )
    median = statistics.median(times)
    where = torch.cuda.get_device_name() if weights.is_cuda else "cpu"
    print(
        f"{where},{torch.__version__},{name},{weights.shape[0]},{latents},{k},{tokens},{chunk},"
        f"{median:.3f},{times[0]:.3f},{times[-1]:.3f},"
        f"{1e3 * tokens / median:.0f},{1e3 * tokens / host:.0f}",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--tokens", type=int, default=4096)
    parser.add_argument("--latents", type=numbers, default=[32_768, 131_072, 2_097_152])
    parser.add_argument("--k", type=numbers, default=[32, 64, 256])
    arguments = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    generator = torch.Generator(device).manual_seed(1)

    def gaussian(*shape):
        return torch.randn(*shape, generator=generator, device=device)

    inputs = [gaussian(arguments.tokens, arguments.width).cpu() for _ in range(INPUTS)]
    print(HEADER, flush=True)
    with torch.inference_mode():
        for latents in arguments.latents:
            # Transposed: row-major [n, D] in memory, as encoders keep it.
            rows = gaussian(latents, arguments.width) / math.sqrt(arguments.width)
            bias = 0.1 * gaussian(latents)
            for name, dtype, tf32 in (
                ("float32", torch.float32, False),
                ("tf32", torch.float32, True),
                ("float16", torch.float16, False),
            ):
                torch.backends.cuda.matmul.allow_tf32 = tf32
                weights = rows.to(dtype).t()
                for k in arguments.k:
                    print(f"{name}, {latents} latents, k {k}", file=sys.stderr, flush=True)
                    measure(name, inputs, weights, bias.to(dtype), k)
                del weights


if __name__ == "__main__":
    main()
