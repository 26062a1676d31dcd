"""The one table of results."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.measure import Results

MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Line:
    """One measured command in one row, and what was aimed at: ``target`` in words, ``met`` None without one."""

    row: str
    what: str
    median: float
    least: float
    peak_bytes: int
    ratio: float | None = None
    reference: str = ""
    target: str = ""
    met: bool | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Aim:
    """What a command should come to: at most a ratio to the reference, seconds, or bytes of memory."""

    ratio: float | None = None
    seconds: float | None = None
    peak_bytes: int | None = None

    def words(self) -> str:
        """The aim as the table has it."""
        parts = []
        if self.ratio is not None:
            parts.append(f"ratio <= {self.ratio:g}")
        if self.seconds is not None:
            parts.append(f"< {self.seconds:g} s")
        if self.peak_bytes is not None:
            parts.append(f"< {self.peak_bytes // MB} MB")
        return ", ".join(parts)

    def met(self, ratio: float | None, seconds: float, peak_bytes: int) -> bool:
        """Whether all of it was reached."""
        return (
            (self.ratio is None or (ratio is not None and ratio <= self.ratio))
            and (self.seconds is None or seconds < self.seconds)
            and (self.peak_bytes is None or peak_bytes < self.peak_bytes)
        )


def lines(
    row: str, results: dict[str, Results], references: dict[str, str], aims: dict[str, Aim], notes: dict[str, str]
) -> list[Line]:
    """A line for each competitor; ``references`` says whom each is compared with (by median)."""
    found = []
    for name, result in results.items():
        reference = references.get(name, "")
        ratio = result.median / results[reference].median if reference else None
        aim = aims.get(name)
        met = aim.met(ratio, result.median, result.peak_bytes) if aim else None
        words = aim.words() if aim else ""
        found.append(
            Line(
                row, name, result.median, result.least, result.peak_bytes, ratio, reference, words, met,
                notes.get(name, ""),
            )
        )  # fmt: skip
    return found


_HEADER = ("row", "what", "median s", "min s", "ratio", "to", "peak MB", "target", "met")


def render(table: Sequence[Line]) -> str:
    """The table in Markdown, padded so that it reads well in a terminal too."""
    cells = [_HEADER, *(_cells(line) for line in table)]
    widths = [max(len(row[at]) for row in cells) for at in range(len(_HEADER))]
    shown = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]
    rule = "| " + " | ".join("-" * width for width in widths) + " |"
    return "\n".join([shown[0], rule, *shown[1:]])


def _cells(line: Line) -> tuple[str, ...]:
    return (
        line.row,
        line.what + (f" ({line.note})" if line.note else ""),
        f"{line.median:.3f}",
        f"{line.least:.3f}",
        "" if line.ratio is None else f"{line.ratio:.2f}",
        line.reference,
        f"{line.peak_bytes / MB:.0f}",
        line.target,
        {None: "", True: "yes", False: "no"}[line.met],
    )
