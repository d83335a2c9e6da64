"""One measurement as a line of JSON, and files of such lines."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gemmconv.cli.failures import Failure


@dataclass(frozen=True)
class Record:
    """The measurement of one contestant, such as a variant, on one problem. Without a time, ``note`` says why."""

    suite: str
    layer: str
    batch: int
    pass_: str
    dtype: str
    threads: int
    contestant: str
    flops: int = 0
    min_s: float | None = None
    median_s: float | None = None
    rounds: int = 0
    strategy: str = ""  # that a plan chose
    share_of_bound: float | None = None  # largest error / its bound, checked before the timing
    workspace_bytes: int | None = None  # that the plan announced
    measured_bytes: int | None = None  # scratch memory as the operating system reports it
    limit_bytes: int | None = None
    patches_bytes: int | None = None  # of the whole im2col matrix
    moved_bytes: int | None = None  # that must be read and written, for suites that count bytes and not products
    note: str = ""
    kind: str = ""  # of layer: see kinds.py
    layout: str = "NCHW"
    math: str = "fast"
    least_bytes: int = 0  # of the three arrays of the pass together

    @property
    def problem(self) -> tuple[str, str, int, str, str, int, str, str]:
        """The fields that are equal for all contestants that are compared with each other."""
        return (
            self.suite,
            self.layer,
            self.batch,
            self.pass_,
            self.dtype,
            self.threads,
            self.layout,
            self.math,
        )

    @property
    def gflops(self) -> float | None:
        """10^9 operations per second, by the median."""
        return None if self.median_s is None else self.flops / self.median_s / 1e9


def write_records(path: Path, header: dict[str, Any], records: Iterable[Record]) -> None:
    """Write a header line with the machine and the options, then one line for each record."""
    lines = [
        {"header": header},
        *({key.rstrip("_"): value for key, value in asdict(record).items()} for record in records),
    ]
    path.write_text("".join(json.dumps(line, default=str) + "\n" for line in lines), encoding="utf-8")


def read_records(path: Path) -> tuple[dict[str, Any], list[Record]]:
    """Read what `write_records` wrote; a `Failure` names the first line that is not a record."""
    header: dict[str, Any] = {}
    records = []
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise Failure(f"{path} is not a text file of JSON lines") from error
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            entry = json.loads(line)
            if "header" in entry:
                header = entry["header"]
            else:
                entry["pass_"] = entry.pop("pass")
                records.append(Record(**entry))
        except (ValueError, TypeError, KeyError) as error:
            raise Failure(f"{path}, line {number}, is not a measurement of gemmconv bench") from error
    return header, records
