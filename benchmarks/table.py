"""The table of results."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.measure import Results

MB = 1_000_000


@dataclass(frozen=True, slots=True)
class ResultLine:
    """One measured command in one row, and its target: ``target`` in words, ``is_met`` None without one."""

    row: str
    what: str
    median_s: float
    minimum_s: float
    peak_bytes: int
    ratio: float | None = None
    reference: str = ""
    target: str = ""
    is_met: bool | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """The limits of a command: a ratio to the reference, seconds, or bytes of memory."""

    ratio: float | None = None
    seconds: float | None = None
    peak_bytes: int | None = None

    def describe(self) -> str:
        """Return the target as the table shows it."""
        parts = []
        if self.ratio is not None:
            parts.append(f"ratio <= {self.ratio:g}")
        if self.seconds is not None:
            parts.append(f"< {self.seconds:g} s")
        if self.peak_bytes is not None:
            parts.append(f"< {self.peak_bytes // MB} MB")
        return ", ".join(parts)

    def is_met(self, ratio: float | None, seconds: float, peak_bytes: int) -> bool:
        """Return whether all limits are met."""
        return (
            (self.ratio is None or (ratio is not None and ratio <= self.ratio))
            and (self.seconds is None or seconds < self.seconds)
            and (self.peak_bytes is None or peak_bytes < self.peak_bytes)
        )


def result_lines(
    row: str, results: dict[str, Results], references: dict[str, str], targets: dict[str, Target], notes: dict[str, str]
) -> list[ResultLine]:
    """Return a line for each competitor; ``references`` maps it to the one it is compared with (by median)."""
    table = []
    for name, result in results.items():
        reference = references.get(name, "")
        ratio = result.median_s / results[reference].median_s if reference else None
        target = targets.get(name)
        is_met = target.is_met(ratio, result.median_s, result.peak_bytes) if target else None
        describe = target.describe() if target else ""
        table.append(
            ResultLine(
                row, name, result.median_s, result.minimum_s, result.peak_bytes, ratio, reference, describe, is_met,
                notes.get(name, ""),
            )
        )  # fmt: skip
    return table


_COLUMNS = ("row", "what", "median s", "min s", "ratio", "to", "peak MB", "target", "met")


def render_table(table: Sequence[ResultLine]) -> str:
    """Return the table in Markdown, padded for a terminal."""
    cells = [_COLUMNS, *(_cells(line) for line in table)]
    widths = [max(len(row[at]) for row in cells) for at in range(len(_COLUMNS))]
    padded = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]
    rule = "| " + " | ".join("-" * width for width in widths) + " |"
    return "\n".join([padded[0], rule, *padded[1:]])


def _cells(line: ResultLine) -> tuple[str, ...]:
    return (
        line.row,
        line.what + (f" ({line.note})" if line.note else ""),
        f"{line.median_s:.3f}",
        f"{line.minimum_s:.3f}",
        "" if line.ratio is None else f"{line.ratio:.2f}",
        line.reference,
        f"{line.peak_bytes / MB:.0f}",
        line.target,
        {None: "", True: "yes", False: "no"}[line.is_met],
    )
