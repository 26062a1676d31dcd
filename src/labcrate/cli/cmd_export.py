"""``labcrate export ID``: the ZIP."""

import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from labcrate.archive.entity import Entity
from labcrate.catalog.confirming import Check, Confirming
from labcrate.cli.screen import packing_bar, say, say_command, settings, write_json
from labcrate.cli.session import find_session, laid_out, wanted
from labcrate.config import as_text
from labcrate.export.build import Assembly
from labcrate.export.contents import Plan, State
from labcrate.export.documents.metadata import not_taken_object
from labcrate.export.documents.secrets import secret_objects
from labcrate.export.documents.summary import as_line, format_size, plural
from labcrate.export.not_taken import Why
from labcrate.export.session_export import Packing, write_session
from labcrate.export.signing import signer_of
from labcrate.export.writer import archive_path, check_targets, signature_path
from labcrate.lab.text import one_line, visible

_MOST_NAMED = 10
_MOST_COMPRESSED = 3


def run(options: Namespace) -> int:
    """Export one session; nothing is left behind when it fails or is stopped."""
    asked = wanted(options)
    inventory, session_id = find_session(settings(options).lab(), options.session, asked.time_zone)
    target = archive_path(options.output or ".", session_id, partial=asked.partial)
    check_targets(target, force=options.force, signed=options.sign)
    signer = signer_of(inventory.lab) if options.sign else None
    found = inventory, session_id
    incomplete = options.allow_incomplete
    rule = Confirming.from_now(Check.of(options.check), inventory.settings.confirm_days)
    with laid_out(options, hashed=True, allow_incomplete=incomplete, refuse=True, found=found) as assembly:
        entity, words = Entity(assembly.layout), as_text(assembly.plan.options)
        packing = Packing(target, words, "command line", rule, signer, force=options.force, sync=options.sync)
        with packing_bar(entity.length, shown=not options.json) as bar:
            sent, confirmation = write_session(inventory.lab, assembly, entity, packing, bar.advance)
        if sent.problem:
            problem = visible(sent.problem[:1].lower() + sent.problem[1:])
            print(f"labcrate: warning: {problem}", file=sys.stderr)
        if options.json:
            signature_file = signature_path(target) if options.sign else None
            answer = _answer(assembly, entity, target, signature_file)
            write_json(answer | {"bytesConfirmed": confirmation.confirmed})
        else:
            _say(assembly, entity, target, options, confirmation.said)
            if sent.private:
                say("  The lab takes no export log: the line of this is in the log in your own state folder.")
    return 0


def _say(assembly: Assembly, entity: Entity, target: Path, options: Namespace, confirmed: str) -> None:
    plan = assembly.plan
    say(f"{one_line(str(target))}: {format_size(entity.length)}, {plan.state}")
    if options.sign:
        say(f"{one_line(str(signature_path(target)))}: its signature")
    recordings = plural(len(plan.recordings), "recording")
    say(f"  {recordings}, {plural(len(plan.readings), 'reading')}, {plural(len(assembly.parts), 'file')} in all")
    if plan.recordings:
        say(f"  {confirmed}")
    if plan.options.partial:
        say("  PARTIAL: the rest of the session was not asked for")
    for left_out in plan.not_chosen:
        say(f"  {left_out}")
    for missing in plan.missing:
        say(f"  missing: {missing}")
    for warning in plan.warnings:
        say(f"  warning: {warning}")
    _say_not_searched(plan)
    _say_left_out(plan, options)
    if plan.state is State.COMPLETE and not (plan.withheld or plan.near_misses or plan.left_out.get(Why.EXCLUDED)):
        say("  nothing missing, nothing to warn about")


def _say_not_searched(plan: Plan) -> None:
    """Count the compressed files, in which no secret was looked for, and name the first of them."""
    members = plan.secrecy.not_searched
    if members:
        more = f" and {len(members) - _MOST_COMPRESSED:,} more" if len(members) > _MOST_COMPRESSED else ""
        named = ", ".join(members[:_MOST_COMPRESSED]) + more
        say(f"  compressed, not searched for passwords and addresses: {plural(len(members), 'file')} ({named})")


def _say_left_out(plan: Plan, options: Namespace) -> None:
    """Name what stays out and may matter: at most ten files, and the command that shows all, with what would help.

    These are the session's own files, but for its description, and the near misses.
    """
    lines = [f"not exported: {as_line(one)}" for one in plan.not_taken if not one.rule.stood_for]
    lines += [f"near miss ({near.verdict.rule}): {near.source}" for near in plan.near_misses]
    for line in lines[:_MOST_NAMED]:
        say(f"  {line}")
    if len(lines) > _MOST_NAMED:
        say(f"  and {len(lines) - _MOST_NAMED:,} more that are not exported")
    if lines:
        say("  All that stays out, with what would help:")
        say_command(("labcrate", "plan", plan.session.id), options, "    ")


def _answer(assembly: Assembly, entity: Entity, target: Path, signature: Path | None) -> dict[str, Any]:
    plan = assembly.plan
    return {
        "file": str(target),
        "signature": str(signature) if signature else None,
        "sizeBytes": entity.length,
        "etag": entity.etag,
        "state": str(plan.state),
        "partial": plan.options.partial,
        "notChosen": list(plan.not_chosen),
        "recordings": len(plan.recordings),
        "readings": len(plan.readings),
        "members": len(assembly.parts),
        "missing": [str(m) for m in plan.missing],
        "warnings": list(plan.warnings),
        "nearMisses": len(plan.near_misses),
        "secrets": secret_objects(plan.secrecy.files),
        "notTaken": [not_taken_object(one) for one in plan.not_taken],
    }
