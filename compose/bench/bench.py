#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs saeflow and a Python peer's way on the same case, one after the other, and prints ratios with their spread.

    bench.py --case CASE --against delphi|saedashboard [--tokens 65536] [--rounds 5] [--saeflow-args '...']... [--peer-args '...']
    bench.py --case CASE --sizes [--latents 8192,32768,131072] [--k 16,32,64]      # saeflow alone, at other sizes

Every run is a new process. Which of the two goes first alternates. "Work" is what each says of itself: without start-up, with all files
written. "Process" is all from start to exit. Processor time and peak memory are the kernel's figures of the process (wait4).
"""

import argparse
import dataclasses
import json
import os
import pathlib
import platform
import re
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable

BENCH = pathlib.Path(__file__).resolve().parent
SAEFLOW = BENCH.parent / "bin" / "saeflow"
PEERS = {"delphi": BENCH / "delphi_way.py", "saedashboard": BENCH / "saedashboard_way.py"}
# Right after 100,000 files were deleted, making new ones took three times the system's time here, still after a sync and 8 seconds. Why is
# not known; ext4's passing over inodes that were deleted less than 35 seconds ago would explain it.
SETTLING_SECONDS = 40
SUMMARY = re.compile(r"^([\d,]+) tokens of [\d,]+ documents in ([\d.]+) s", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Run:
    """What one process cost. Seconds of a peer that runs a part of its work only are those of the whole."""

    name: str
    tokens: int
    work_seconds: float
    process_seconds: float
    cpu_seconds: float
    peak_bytes: int
    load: float  # of the machine, over the minute before
    said: dict


def timed(name: str, command: list[str], closing: Callable[[str], dict], log: pathlib.Path) -> Run:
    """Runs `command`; `closing` reads tokens and seconds out of what it printed."""
    load = os.getloadavg()[0]
    with log.open("w+") as output:
        begin = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            raise
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - begin
        output.seek(0)
        printed = output.read()
    if process.returncode != 0:
        raise SystemExit(f"{shlex.join(command)}: exit code {process.returncode}\n{printed[-3000:]}")
    said = closing(printed)
    return Run(name, said["tokens"], said["seconds"], seconds + said.get("seconds_not_run", 0),
               usage.ru_utime + usage.ru_stime + said.get("cpu_seconds_not_run", 0), usage.ru_maxrss * 1024, load, said)


def saeflow_says(printed: str) -> dict:
    found = SUMMARY.search(printed)
    if not found:
        raise SystemExit(f"saeflow: no summary (expected: N tokens of D documents in S s)\n{printed[-3000:]}")
    return {"tokens": int(found[1].replace(",", "")), "seconds": float(found[2])}


def peer_says(printed: str) -> dict:
    return json.loads([line for line in printed.splitlines() if line.startswith("{")][-1])


def saeflow(case: pathlib.Path, sae: str, tokens: int, out: pathlib.Path, further: str) -> Run:
    hook = json.loads((case / "case.json").read_text())["hook"]
    command = [str(SAEFLOW), "run", "--model", str(case / "model"), "--sae", str(case / sae), "--hook", hook, "--tokens",
               str(case / "tokens.npy"), "--max-tokens", str(tokens), "--out", str(out), *shlex.split(further)]
    return timed("saeflow", command, saeflow_says, out.with_suffix(".log"))


def peer(name: str, case: pathlib.Path, tokens: int, out: pathlib.Path, further: str) -> Run:
    command = [sys.executable, str(PEERS[name]), "--case", str(case), "--tokens", str(tokens), "--out", str(out), *shlex.split(further)]
    return timed(name, command, peer_says, out.with_suffix(".log"))


def spread(values: Iterable[float], form: str) -> str:
    """median [smallest .. largest]"""
    values = list(values)
    return f"{statistics.median(values):{form}} [{min(values):{form}} .. {max(values):{form}}]"


def print_table(rows: list[list[str]]) -> None:
    for number, row in enumerate(rows):
        print("| " + " | ".join(row) + " |")
        if number == 0:
            print("|---" * len(row) + "|")
    print(flush=True)


def print_machine(args: argparse.Namespace) -> None:
    model = "unknown processor"
    if os.path.exists("/proc/cpuinfo"):
        model = (re.findall(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text()) or [model])[0]
    commit = subprocess.run(["git", "-C", str(BENCH), "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
    print(f"{len(os.sched_getaffinity(0))} cores of {model}; Python {platform.python_version()}; saeflow at {commit or 'an unknown commit'}")
    print(f"SAEFLOW_JAVA_OPTS={os.environ.get('SAEFLOW_JAVA_OPTS', '')} saeflow: {args.saeflow_args or 'defaults'}; peer: {args.peer_args or 'defaults'}\n",
          flush=True)


def told(run: Run, record: pathlib.Path | None) -> Run:
    print(f"{run.name}: {run.tokens:,} tokens, work {run.work_seconds:.1f} s, process {run.process_seconds:.1f} s, processor {run.cpu_seconds:.1f} s, "
          f"peak {run.peak_bytes / 1e9:.2f} GB, load {run.load:.1f} before", file=sys.stderr, flush=True)
    if record:
        with record.open("a") as lines:
            lines.write(json.dumps(dataclasses.asdict(run)) + "\n")
    return run


def compare(args: argparse.Namespace, work: pathlib.Path) -> None:
    """A round is one run of the peer and one of saeflow for each `--saeflow-args`. Outputs stay until the end: a file system that has just
    deleted 100,000 files makes the next ones slowly."""
    variants = args.saeflow_args or [""]
    ours: list[list[Run]] = [[] for _ in variants]
    theirs: list[Run] = []
    for number in range(args.rounds):
        folder = work / f"round-{number}"
        folder.mkdir()
        turns = [lambda: theirs.append(told(peer(args.against, args.case, args.tokens, folder / args.against, args.peer_args), args.record))]
        for index, further in enumerate(variants):
            turns.append(lambda index=index, further=further: ours[index].append(
                told(saeflow(args.case, "sae", args.tokens, folder / f"saeflow-{index}", further), args.record)))
        for turn in range(len(turns)):
            os.sync()
            turns[(turn + number) % len(turns)]()
        for runs in ours:
            if runs[-1].tokens != theirs[-1].tokens:
                raise SystemExit(f"tokens: saeflow {runs[-1].tokens}, {args.against} {theirs[-1].tokens} (expected: the same)")
    for runs, further in zip(ours, variants):
        print_comparison(args, runs, theirs, further)
    said = theirs[-1].said
    if said.get("feature_batches_not_run"):
        print(f"{args.against}: {said['feature_batches'] - said['feature_batches_not_run']} of {said['feature_batches']} feature batches were run, "
              "the rest is reckoned at the median of those; peak memory is that of those run.\n")
    print(f"load before a run: {spread((run.load for run in sum(ours, theirs)), '.1f')}\n")
    (compare_caches if args.against == "delphi" else compare_counts)(folder / "saeflow-0", folder / args.against)


def print_comparison(args: argparse.Namespace, ours: list[Run], theirs: list[Run], further: str) -> None:
    def row(name: str, value: Callable[[Run], float], form: str, more_is_better: bool) -> list[str]:
        pairs = [(value(a), value(b)) for a, b in zip(ours, theirs)]
        ratios = [a / b if more_is_better else b / a for a, b in pairs]
        return [name, spread((a for a, _ in pairs), form), spread((b for _, b in pairs), form), spread(ratios, ".2f")]

    print_table([
        [f"{ours[0].tokens:,} tokens, {args.rounds} rounds: median [min .. max]", f"saeflow {further}".strip(), f"{args.against}'s way",
         "saeflow is better by"],
        row("tokens/s, work", lambda run: run.tokens / run.work_seconds, ",.0f", True),
        row("tokens/s, process", lambda run: run.tokens / run.process_seconds, ",.0f", True),
        row("processor seconds", lambda run: run.cpu_seconds, ",.1f", False),
        row("peak memory, GB", lambda run: run.peak_bytes / 1e9, ".2f", False),
    ])


def compare_counts(ours: pathlib.Path, theirs: pathlib.Path) -> None:
    """How many of the features that the peer did in the last round fire as often in saeflow's files."""
    atoms = next(ours.glob("sae-viewer/**/atoms"), None)
    if not atoms:
        print("features: not compared, saeflow wrote none for the sae-viewer")
        return
    features = same = 0
    for file in theirs.glob("batch-*.json"):
        for feature in json.loads(file.read_text())["features"]:
            density = json.loads((atoms / f"{feature['feature_index']}.json").read_text())["density"]
            features += 1
            same += abs(density - feature["frac_nonzero"]) < 1e-12
    print(f"features of the last round that fire equally often in both: {same:,} of {features:,}")


def compare_caches(ours: pathlib.Path, theirs: pathlib.Path) -> None:
    """How many of the last round's cached latents both have. The two add in other orders, so a few change places at the k-th."""
    import numpy as np
    from safetensors.numpy import load_file

    shards = {file.name: file for file in theirs.glob("latents/*/*.safetensors")}
    both = either = 0
    largest = 0.0
    for file in sorted(ours.glob("delphi/latents/*/*.safetensors")):
        if file.name not in shards:
            raise SystemExit(f"{file.name}: no such shard of the peer (expected: {', '.join(sorted(shards))})")
        keys, values = [], []
        for cache in (file, shards[file.name]):
            tensors = load_file(cache)
            row, position, latent = tensors["locations"].astype(np.int64).T
            keys.append((row << 40) | (position << 24) | latent)
            values.append(tensors["activations"].astype(np.float32))
        _, first, second = np.intersect1d(*keys, assume_unique=True, return_indices=True)
        both += len(first)
        either += len(keys[0]) + len(keys[1]) - len(first)
        if len(first):
            largest = max(largest, float(np.abs(values[0][first] - values[1][second]).max()))
    if not either:
        print("cached latents: not compared, saeflow wrote none for delphi")
        return
    print(f"cached latents of the last round: {both:,} in both, {both / either:.4%} of those in either; "
          f"largest difference of a value, as float16: {largest:.3g}")


def sizes(args: argparse.Namespace, work: pathlib.Path) -> None:
    """Saeflow's speed and memory by latents and k; a round goes through all sizes."""
    cells = [(latents, k) for latents in args.latents for k in args.k]
    for latents in args.latents:
        made = args.case / f"sae-{latents}"
        if not (made / "cfg.json").exists():
            subprocess.run([sys.executable, str(BENCH / "make_case.py"), "--dir", str(args.case), "--sae-only", made.name, "--latents", str(latents)],
                           check=True)
        for k in args.k:  # k is in the configuration alone; the weights are the same file
            variant = args.case / f"sae-{latents}-k{k}"
            variant.mkdir(exist_ok=True)
            (variant / "cfg.json").write_text(json.dumps({**json.loads((made / "cfg.json").read_text()), "k": k}, indent=1))
            if not (variant / "sae.safetensors").exists():
                os.link(made / "sae.safetensors", variant / "sae.safetensors")
    runs: dict[tuple[int, int], list[Run]] = {cell: [] for cell in cells}
    out = work / "saeflow"
    for _ in range(args.rounds):
        for latents, k in cells:
            if out.exists():
                shutil.rmtree(out)
                os.sync()
                time.sleep(SETTLING_SECONDS)
            run = saeflow(args.case, f"sae-{latents}-k{k}", args.tokens, out, " ".join(args.saeflow_args))
            runs[latents, k].append(told(dataclasses.replace(run, name=f"saeflow, {latents} latents, k {k}"), args.record))
    rows = [["latents", "k", f"tokens/s, work, of {runs[cells[0]][0].tokens:,} tokens", "tokens/s, process", "processor ms a token", "peak memory, GB"]]
    for (latents, k), of_cell in runs.items():
        rows.append([f"{latents:,}", str(k), spread((run.tokens / run.work_seconds for run in of_cell), ",.0f"),
                     spread((run.tokens / run.process_seconds for run in of_cell), ",.0f"),
                     spread((1e3 * run.cpu_seconds / run.tokens for run in of_cell), ".2f"),
                     spread((run.peak_bytes / 1e9 for run in of_cell), ".2f")])
    print_table(rows)


def integers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", required=True, type=pathlib.Path)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--against", choices=PEERS)
    what.add_argument("--sizes", action="store_true")
    parser.add_argument("--tokens", type=int, default=65536)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--saeflow-args", action="append", default=[],
                        help="further options of saeflow run, in one word; given again, each round has a run of each")
    parser.add_argument("--peer-args", default="", help="further options of the peer's script, in one word")
    parser.add_argument("--latents", type=integers, default=[8192, 32768, 131072])
    parser.add_argument("--k", type=integers, default=[16, 32, 64])
    parser.add_argument("--work", type=pathlib.Path, help="where the runs' outputs go while it runs; default: a temporary folder beside the case")
    parser.add_argument("--record", type=pathlib.Path, help="append each run's figures to this file, a JSON line each")
    args = parser.parse_args()
    args.case = args.case.resolve()
    print_machine(args)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=args.work or args.case.parent) as work:
        (sizes if args.sizes else compare)(args, pathlib.Path(work))


if __name__ == "__main__":
    main()
