"""Networks against PyTorch eager on the CPU: one training epoch, and inference, with the same weights in the same run.

    python bench/networks.py [--threads 1 2] [--rounds 9] [--output gemmconv-bench] [--seeds 5]

Both libraries get the same first weights, the same batches in the same order and the same Adam. The losses of every
step of the first epoch must agree, or no time is printed. Then epochs of the two alternate, with a pause before each
(idle workers of one would spin on the cores of the other); minimum and median are reported. With ``--seeds`` the
network of ``gemmconv demo`` is also trained from that many seeds; its accuracies on the held-out fifth are listed.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

import gemmconv
from gemmconv import nn
from gemmconv.nn.digits import load_digits, train_digits

PAUSE_SECONDS = 0.05
LEARNING_RATE = 1e-3
AGREEMENT = 1e-3


class L2Pool(torch.nn.Module):
    """PyTorch's LPPool2d spends most of its time on a power; this is the same with squares, its fastest form."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sqrt(functional.avg_pool2d(x * x, 2, divisor_override=1) + 1e-24)


def images(size: int) -> tuple[Any, Any]:
    """The 1,797 digits at 8 by 8 pixels or, enlarged three times and framed, at 28 by 28."""
    digits = load_digits()
    x = np.concatenate([digits.x_train, digits.x_test])
    t = np.concatenate([digits.t_train, digits.t_test])
    if size == 28:
        x = np.pad(np.kron(x, np.ones((3, 3), np.float32)), ((0, 0), (0, 0), (2, 2), (2, 2)))
    return np.ascontiguousarray(x[:1792], np.float32), t[:1792]


@dataclass(frozen=True)
class Contest:
    """A network in both libraries."""

    name: str
    size: int
    batch_size: int
    ours: Callable[[], list[nn.Layer]]
    theirs: Callable[[], list[torch.nn.Module]]


CONTESTS = [
    Contest(
        "digits",
        8,
        32,
        lambda: [
            nn.Conv(32, 3, padding="same", activation="relu"),
            nn.MaxPool(2),
            nn.Conv(64, 3, padding="same", activation="relu"),
            nn.LpPool(2, p=2),
            nn.Flatten(),
            nn.Dense(10),
        ],
        lambda: [
            torch.nn.Conv2d(1, 32, 3, padding=1),
            torch.nn.ReLU(),
            torch.nn.MaxPool2d(2),
            torch.nn.Conv2d(32, 64, 3, padding=1),
            torch.nn.ReLU(),
            L2Pool(),
            torch.nn.Flatten(),
            torch.nn.Linear(256, 10),
        ],
    ),
    Contest(
        "lenet-5",
        28,
        64,
        lambda: [
            nn.Conv(6, 5, padding=2, activation="tanh"),
            nn.AvgPool(2),
            nn.Conv(16, 5, activation="tanh"),
            nn.AvgPool(2),
            nn.Flatten(),
            nn.Dense(120, activation="tanh"),
            nn.Dense(84, activation="tanh"),
            nn.Dense(10),
        ],
        lambda: [
            torch.nn.Conv2d(1, 6, 5, padding=2),
            torch.nn.Tanh(),
            torch.nn.AvgPool2d(2),
            torch.nn.Conv2d(6, 16, 5),
            torch.nn.Tanh(),
            torch.nn.AvgPool2d(2),
            torch.nn.Flatten(),
            torch.nn.Linear(400, 120),
            torch.nn.Tanh(),
            torch.nn.Linear(120, 84),
            torch.nn.Tanh(),
            torch.nn.Linear(84, 10),
        ],
    ),
]


class Pair:
    """One comparison: a network in both libraries, with the same weights."""

    def __init__(self, contest: Contest) -> None:
        self.contest = contest
        self.x, self.t = images(contest.size)
        self.ours = nn.Network(contest.ours()).build(self.x.shape, seed=0)
        self.theirs = torch.nn.Sequential(*contest.theirs())
        with torch.no_grad():
            for own, peer in zip(self.ours.parameters.values(), self.theirs.parameters(), strict=True):
                peer.copy_(torch.from_numpy(own.copy()))
        self.our_optimizer = nn.Adam(LEARNING_RATE)
        self.their_optimizer = torch.optim.Adam(self.theirs.parameters(), lr=LEARNING_RATE)
        self.x_torch, self.t_torch = torch.from_numpy(self.x), torch.from_numpy(self.t)

    def our_epoch(self) -> None:
        self.ours.fit(
            self.x,
            self.t,
            epochs=1,
            batch_size=self.contest.batch_size,
            optimizer=self.our_optimizer,
            shuffle=False,
            progress=False,
        )

    def their_epoch(self) -> list[float]:
        self.theirs.train()
        losses = []
        for start in range(0, len(self.x), self.contest.batch_size):
            chosen = torch.arange(start, min(start + self.contest.batch_size, len(self.x)))
            self.their_optimizer.zero_grad()
            loss = functional.cross_entropy(self.theirs(self.x_torch[chosen]), self.t_torch[chosen])
            loss.backward()
            self.their_optimizer.step()
            losses.append(loss.item())
        return losses

    def disagreement(self) -> float:
        """The largest relative difference of the losses, over the steps of one epoch from the same weights."""
        ours = []
        for start in range(0, len(self.x), self.contest.batch_size):
            chosen = slice(start, start + self.contest.batch_size)
            found = self.ours.gradients(self.x[chosen], self.t[chosen])
            self.our_optimizer.step(self.ours.parameters, found.parameters)
            ours.append(found.cost)
        theirs = self.their_epoch()
        return max(abs(one - other) / max(abs(other), 1e-3) for one, other in zip(ours, theirs, strict=True))

    def our_inference(self) -> None:
        self.ours.predict(self.x)

    def their_inference(self) -> None:
        self.theirs.eval()
        with torch.no_grad():
            for start in range(0, len(self.x), 256):
                self.theirs(self.x_torch[start : start + 256])


def alternate(ours: Callable[[], Any], theirs: Callable[[], Any], rounds: int) -> tuple[list[float], list[float]]:
    """The seconds of both, timed in turns after two warm-up rounds."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + 2):
        for run, taken in zip((ours, theirs), seconds):
            time.sleep(PAUSE_SECONDS)
            started = time.perf_counter()
            run()
            if number >= 2:
                taken.append(time.perf_counter() - started)
    return seconds


def compete(contest: Contest, threads: int, rounds: int) -> list[dict[str, Any]]:
    """The rows of one comparison."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    with gemmconv.options(threads=threads):
        pair = Pair(contest)
        disagreement = pair.disagreement()
        if not disagreement <= AGREEMENT:
            raise SystemExit(
                f"{contest.name}: the losses differ by {disagreement:.2g}, allowed is {AGREEMENT}: no times"
            )
        rows = []
        for task, ours, theirs in (
            ("training epoch", pair.our_epoch, pair.their_epoch),
            ("inference", pair.our_inference, pair.their_inference),
        ):
            own, peer = alternate(ours, theirs, rounds)
            rows.append(
                {
                    "network": contest.name,
                    "task": task,
                    "threads": threads,
                    "images": len(pair.x),
                    "gemmconv_median_s": statistics.median(own),
                    "gemmconv_minimum_s": min(own),
                    "pytorch_median_s": statistics.median(peer),
                    "pytorch_minimum_s": min(peer),
                    "ratio_of_medians": statistics.median(peer) / statistics.median(own),
                    "ratio_of_minima": min(peer) / min(own),
                    "largest_difference_of_losses": disagreement,
                }
            )
    return rows


def seeds(count: int) -> dict[str, Any]:
    """Accuracies of the demonstration's network on the held-out fifth."""
    runs = [train_digits(seed=seed, progress=None).figures for seed in range(count)]
    accuracies = [run["accuracy"] for run in runs]
    return {
        "accuracies": accuracies,
        "mean": statistics.mean(accuracies),
        "worst": min(accuracies),
        "seconds": [run["seconds"] for run in runs],
    }


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The rows in Markdown."""
    lines = [
        "| network | task | threads | gemmconv | PyTorch eager | PyTorch / gemmconv, medians (minima) |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        lines.append(
            f"| {row['network']} | {row['task']} of {row['images']} | {row['threads']} "
            f"| {1e3 * row['gemmconv_median_s']:.1f} ms | {1e3 * row['pytorch_median_s']:.1f} ms "
            f"| {row['ratio_of_medians']:.2f} ({row['ratio_of_minima']:.2f}) |"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparisons; exit code 1 if a median is slower than PyTorch's."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="numbers of threads (default: 1 2)")
    parser.add_argument("--rounds", type=int, default=9, help="timed epochs of each library (default: %(default)s)")
    parser.add_argument("--seeds", type=int, default=0, help="also train the demo's network from so many seeds")
    parser.add_argument("--output", type=Path, help="a folder for networks.json and networks.md")
    options = parser.parse_args(arguments)
    rows = [
        row for threads in options.threads for contest in CONTESTS for row in compete(contest, threads, options.rounds)
    ]
    print(table(rows))
    print(f"largest difference of losses: {max(row['largest_difference_of_losses'] for row in rows):.1e} of the loss")
    results: dict[str, Any] = {"torch": torch.__version__, "gemmconv": gemmconv.__version__, "rows": rows}
    if options.seeds:
        found = results["seeds"] = seeds(options.seeds)
        print(
            f"digits, held out: mean {found['mean']:.4f}, worst {found['worst']:.4f} of {options.seeds} seeds, "
            f"{max(found['seconds']):.0f} s at most"
        )
    if options.output:
        options.output.mkdir(parents=True, exist_ok=True)
        (options.output / "networks.json").write_text(json.dumps(results, indent=1) + "\n")
        (options.output / "networks.md").write_text(table(rows) + "\n")
    return int(any(row["ratio_of_medians"] < 1 for row in rows))


if __name__ == "__main__":
    sys.exit(main())
