"""``labcrate export ID``: the ZIP."""

import os
from argparse import Namespace
from pathlib import Path
from typing import Any

from labcrate.archive.entity import Entity
from labcrate.cli.cmd_plan import options_of
from labcrate.cli.screen import Bar, packing_bar, say, settings, write_json
from labcrate.config import Settings, parse_session
from labcrate.export.build import Assembly
from labcrate.export.contents import State
from labcrate.export.documents.summary import format_size, plural
from labcrate.export.prepare import prepared
from labcrate.export.writer import check_target, write_archive


def run(options: Namespace) -> int:
    """Export one session; nothing is left behind when it fails or is stopped."""
    chosen, number = settings(options), parse_session(options.session)
    target = target_of(options.output, number)
    check_target(target, force=options.force)
    answer = export(chosen, number, target, options)
    if chosen.as_json:
        write_json(answer)
    return 0


def export(chosen: Settings, number: int, target: Path, options: Namespace) -> dict[str, Any]:
    """Export with progress on the terminal, and say what was made."""
    with (
        Bar("Indexing", shown=not chosen.as_json) as indexing,
        prepared(
            chosen.lab(),
            number,
            options_of(options),
            hashed=True,
            allow_incomplete=options.allow_incomplete,
            progress=indexing,
            workers=chosen.workers,
        ) as assembly,
    ):
        indexing.stop()
        entity = Entity(assembly.layout)
        with packing_bar(entity.length, shown=not chosen.as_json) as packing:
            write_archive(entity, target, force=options.force, progress=packing.advance)
        if not chosen.as_json:
            _say(assembly, entity, target)
        return _answer(assembly, entity, target)


def target_of(output: str | None, number: int) -> Path:
    """Where the ZIP goes: the file that was named, or a name of ours in the folder that was."""
    name = f"Session{number}.zip"
    if output is None:
        return Path(name)
    path = Path(output).expanduser()
    return path / name if path.is_dir() or output.endswith(os.sep) else path


def _say(assembly: Assembly, entity: Entity, target: Path) -> None:
    plan = assembly.plan
    say(f"{target}: {format_size(entity.length)}, {plan.state}")
    recordings = plural(len(plan.recordings), "recording")
    say(f"  {recordings}, {plural(len(plan.readings), 'reading')}, {plural(len(assembly.parts), 'file')} in all")
    for missing in plan.missing:
        say(f"  missing: {missing}")
    for warning in plan.warnings:
        say(f"  warning: {warning}")
    if plan.near_misses:
        say(
            f"  {plural(len(plan.near_misses), 'near miss', 'near misses')} left out: "
            f"'labcrate plan {plan.session.id}' tells which, and what would fix them"
        )
    if plan.state is State.COMPLETE:
        say("  nothing missing, nothing to warn about")


def _answer(assembly: Assembly, entity: Entity, target: Path) -> dict[str, Any]:
    plan = assembly.plan
    return {
        "file": str(target),
        "sizeBytes": entity.length,
        "etag": entity.etag,
        "state": str(plan.state),
        "recordings": len(plan.recordings),
        "readings": len(plan.readings),
        "members": len(assembly.parts),
        "missing": [str(m) for m in plan.missing],
        "warnings": list(plan.warnings),
        "nearMisses": len(plan.near_misses),
    }
