"""Many recordings of one camera told as one span: a recorder writes thousands of files in a morning."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from labcrate.model.coverage import Coverage, cover
from labcrate.model.device import Camera
from labcrate.model.session_id import sort_key
from labcrate.model.timespan import TimeSpan, format_duration, format_instant
from labcrate.plan.plan import PlannedRecording
from labcrate.plan.summary import camera_label, format_size, plural

LISTED_AT_MOST = 12
"""So many recordings of a camera are listed one by one; more are told as a span."""

_GAPS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class CameraSpan:
    """All recordings of one camera; ``camera`` is None for those of no known one, whose gaps tell nothing."""

    camera: Camera | None
    recordings: tuple[PlannedRecording, ...]
    covered: Coverage

    @property
    def name(self) -> str:
        """Return what the camera is called."""
        return camera_label(self.camera)

    @property
    def gaps(self) -> tuple[TimeSpan, ...]:
        """Return the gaps between the recordings."""
        return self.covered.gaps if self.camera else ()


def camera_spans(recordings: Iterable[PlannedRecording]) -> tuple[tuple[CameraSpan, ...], tuple[PlannedRecording, ...]]:
    """Divide recordings into the spans of cameras with more than ``LISTED_AT_MOST``, by camera id, and all others."""
    of_camera = defaultdict[str | None, list[PlannedRecording]](list)
    every = list(recordings)
    for recording in every:
        of_camera[recording.camera.id if recording.camera else None].append(recording)
    many = {camera_id for camera_id, found in of_camera.items() if len(found) > LISTED_AT_MOST}
    spans = [
        CameraSpan(found[0].camera, tuple(found), cover((one.span, one.identity.size_bytes) for one in found))
        for camera_id, found in sorted(of_camera.items(), key=lambda one: (one[0] is None, sort_key(one[0] or "")))
        if camera_id in many
    ]
    others = [one for one in every if (one.camera.id if one.camera else None) not in many]
    return tuple(spans), tuple(others)


def describe_camera_span(span: CameraSpan) -> Iterator[str]:
    """Yield lines on a camera's recordings: how many, when, how large, and their gaps."""
    covered, size = span.covered, format_size(span.covered.size_bytes)
    length = format_duration(covered.recorded.total_seconds())
    yield f"{span.name}: {plural(covered.count, 'recording')}, {length} in all, {size}"
    if covered.span.start and covered.span.end:
        start, end = format_instant(covered.span.start), format_instant(covered.span.end)
        yield f"{start} to {end}"
    if span.camera is None:
        return
    if not span.gaps:
        yield "no gap between two recordings"
        return
    yield f"{plural(len(span.gaps), 'gap')}, {format_duration(covered.gap_seconds)} in all:"
    for gap in span.gaps[:_GAPS_SHOWN]:
        start = format_instant(gap.start) if gap.start else ""
        yield f"  {format_duration(gap.seconds or 0)} from {start}"
    if len(span.gaps) > _GAPS_SHOWN:
        yield f"  and {len(span.gaps) - _GAPS_SHOWN:,} more"
