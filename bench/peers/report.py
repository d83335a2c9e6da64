"""The suite ``peers`` in tables: every layer, kinds of layers by pass, the worst, and the targets."""

from collections.abc import Sequence
from dataclasses import dataclass

from gemmconv.cli.bench.kinds import KINDS, MEANING
from gemmconv.cli.bench.records import Record
from gemmconv.cli.bench.report import Section, by_problem, geometric_mean, notes
from gemmconv.cli.problems import PASSES
from peers.libraries import PEERS
from peers.roofs import Roofs
from peers.targets import OWN, verdicts

SLOW, EQUAL = 0.9, 1.0  # of the peer's speed
WORST = 12
PASS_NAMES = {"forward": "forward", "backward_input": "input gradient", "backward_weight": "weight gradient"}


@dataclass(frozen=True)
class Duel:
    """One problem that gemmconv and a peer were both timed on."""

    own: Record
    peer: Record

    @property
    def ratio(self) -> float:
        """The peer's median divided by gemmconv's: above 1 gemmconv is faster."""
        return (self.peer.median_s or 0) / (self.own.median_s or 1)

    @property
    def name(self) -> str:
        """Layer, batch and pass."""
        return f"{self.own.layer} x{self.own.batch}, {PASS_NAMES[self.own.pass_]}"


def duels(records: Sequence[Record], peer: str) -> list[Duel]:
    """All comparisons with one peer."""
    pairs = [(group.get(OWN), group.get(peer)) for group in by_problem(records).values()]
    return [Duel(own, other) for own, other in pairs if own and other and own.median_s and other.median_s]


def peers_in(records: Sequence[Record]) -> list[str]:
    """The peers that were timed at least once."""
    return [name for name in PEERS.values() if any(r.contestant == name and r.median_s for r in records)]


def peer_sections(records: Sequence[Record], all_records: Sequence[Record], roofs: Sequence[Roofs]) -> list[Section]:
    """Every table of the suite; targets also look at the other suites of the run."""
    sections = [layer_section(records, roofs)]
    for threads in sorted({record.threads for record in records}):
        own = [record for record in records if record.threads == threads]
        for peer in peers_in(own):
            sections += [kind_section(duels(own, peer), peer, threads), worst_section(duels(own, peer), peer, threads)]
        sections.append(peak_section(own, roofs, threads))
    return [*sections, target_section(all_records, roofs)]


def layer_section(records: Sequence[Record], roofs: Sequence[Roofs]) -> Section:
    """A row for each layer, batch and pass."""
    peers = peers_in(records)
    headers = ["layer", "kind", "pass", "auto took", "batch", "threads", "ms", "GFLOP/s", "of peak"]
    headers += [word for peer in peers for word in (f"{peer}, ms", "ratio")]
    rows = []
    for group in by_problem(records).values():
        own = group.get(OWN)
        if own is None or own.median_s is None or own.gflops is None:
            continue
        row = [own.layer, own.kind, PASS_NAMES[own.pass_], own.strategy, str(own.batch), str(own.threads)]
        row += [f"{own.median_s * 1e3:.3g}", f"{own.gflops:.3g}", share_of_peak(own, roofs)]
        for peer in peers:
            other = group.get(peer)
            seconds = None if other is None else other.median_s
            row += ["–", "–"] if seconds is None else [f"{seconds * 1e3:.3g}", f"{seconds / own.median_s:.2f}"]
        rows.append(row)
    turns = [record.rounds for record in records if record.rounds]
    remarks = [
        f"Medians of {min(turns, default=0)} to {max(turns, default=0)} turns; every answer was checked against "
        "float64 before. GFLOP/s count 2*N*K*P*Q operations, those on padded cells included. ratio: the peer's "
        "time over ours.",
        MEANING,
        *notes(records),
    ]
    return Section("Every layer against other libraries", headers, rows, 4, remarks)


def share_of_peak(record: Record, roofs: Sequence[Roofs]) -> str:
    """Its rate over the machine's, in per cent."""
    roof = roof_of(record, roofs)
    return "–" if roof is None or record.gflops is None else f"{record.gflops * 1e9 / roof.flops:.0%}"


def roof_of(record: Record, roofs: Sequence[Roofs]) -> Roofs | None:
    """The roofs that were measured under its conditions."""
    return next((roof for roof in roofs if (roof.dtype, roof.threads) == (record.dtype, record.threads)), None)


def kind_section(found: Sequence[Duel], peer: str, threads: int) -> Section:
    """Geometric means by kind and pass, with the least in brackets, and how many are slower."""
    passes = [pass_ for pass_ in PASSES if any(duel.own.pass_ == pass_ for duel in found)]
    rows = []
    for kind in (*KINDS, "all"):
        own = [duel for duel in found if kind in (duel.own.kind, "all")]
        if own:
            cells = [mean_and_least([duel for duel in own if duel.own.pass_ == pass_]) for pass_ in passes]
            below = [str(sum(duel.ratio < limit for duel in own)) for limit in (SLOW, EQUAL)]
            rows.append([kind, *cells, mean_and_least(own), *below, str(len(own))])
    headers = ["kind", *(PASS_NAMES[pass_] for pass_ in passes), "all", "below 0.9", "below 1", "problems"]
    remarks = [f"{peer}'s time over ours, geometric means, in brackets the least. Above 1 we are faster."]
    return Section(f"Against {peer}, {plural(threads, 'thread')}", headers, rows, 1, remarks)


def mean_and_least(found: Sequence[Duel]) -> str:
    """Mean and least, as the text of a cell."""
    ratios = [duel.ratio for duel in found]
    return f"{geometric_mean(ratios):.2f} ({min(ratios):.2f})" if ratios else "–"


def worst_section(found: Sequence[Duel], peer: str, threads: int) -> Section:
    """The problems with the lowest ratios."""
    worst = sorted(found, key=lambda duel: duel.ratio)[:WORST]
    rows = [
        [
            duel.name,
            duel.own.kind,
            duel.own.strategy,
            f"{(duel.own.median_s or 0) * 1e3:.3g}",
            f"{(duel.peer.median_s or 0) * 1e3:.3g}",
            f"{duel.ratio:.2f}",
        ]
        for duel in worst
    ]
    headers = ["problem", "kind", "auto took", "ms", f"{peer}, ms", "ratio"]
    return Section(f"Worst against {peer}, {plural(threads, 'thread')}", headers, rows, 3)


def peak_section(records: Sequence[Record], roofs: Sequence[Roofs], threads: int) -> Section:
    """Shares of the peak by kind: geometric means, all passes."""
    names = [OWN, *peers_in(records)]
    roof = next((roof for roof in roofs if roof.threads == threads), None)
    rows = []
    for kind in (*KINDS, "all") if roof else ():
        cells = []
        for name in names:
            own = [r for r in records if r.contestant == name and kind in (r.kind, "all")]
            rates = [record.gflops for record in own if record.gflops]
            cells.append(f"{geometric_mean(rates) * 1e9 / roof.flops:.0%}" if rates and roof else "–")
        if set(cells) != {"–"}:
            rows.append([kind, *cells])
    remarks = []
    if roof:
        remarks = [
            f"Measured in this run: {roof.flops / 1e9:.4g} GFLOP/s of fused multiply-adds in registers, copies of "
            f"128 MiB at {roof.memory / 1e9:.3g} GB/s and of 256 KiB at {roof.cache / 1e9:.3g} GB/s (bytes read and "
            "written)."
        ]
    title = f"Share of the measured peak, {plural(threads, 'thread')}, geometric means"
    return Section(title, ["kind", "gemmconv", *names[1:]], rows, 1, remarks)


def target_section(records: Sequence[Record], roofs: Sequence[Roofs]) -> Section:
    """The targets, and whether they were met."""
    rows = [
        [
            verdict.target.name,
            verdict.words,
            *("–" if v is None else f"{v:.3g}" for v in (verdict.value, verdict.target.floor, verdict.target.aim)),
        ]
        for verdict in verdicts(records, roofs)
    ]
    remarks = [
        "Unless the line says otherwise: geometric mean of PyTorch's time over ours, all layers and batches of this "
        "run. share of the roof: of what arithmetic and memory allow, were all arrays in memory; in a cache "
        "it passes 1."
    ]
    return Section("Targets", ["target", "verdict", "found", "floor", "aim"], rows, 2, remarks)


def plural(number: int, noun: str) -> str:
    """``1 thread``, ``2 threads``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
