"""labcrate packages one session of a living lab into one verifiable ZIP.

The public API, described in docs/reference/python-api.md. Everything is imported on first use, so
that ``import labcrate`` costs next to nothing.
"""

from importlib import import_module

__version__ = "0.1.0"

# Type checkers take a name spelt so for true; importing it from typing would cost ten times the rest.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from labcrate import errors
    from labcrate.api.archive import Archive
    from labcrate.api.archive import open_archive as open
    from labcrate.api.lab import Export, Lab, SessionPlan
    from labcrate.archive.verify import Finding, Report
    from labcrate.model.session import Session
    from labcrate.plan.overview import SessionRow
    from labcrate.plan.plan import State

__all__ = [
    "Archive",
    "Export",
    "Finding",
    "Lab",
    "Report",
    "Session",
    "SessionPlan",
    "SessionRow",
    "State",
    "__version__",
    "errors",
    "open",
]

# Where each name above is defined; hidden from type checkers, which read the imports instead and
# so still notice a name that does not exist.
if not TYPE_CHECKING:
    _HOMES = {
        "Archive": "api.archive",
        "Export": "api.lab",
        "Finding": "archive.verify",
        "Lab": "api.lab",
        "Report": "archive.verify",
        "Session": "model.session",
        "SessionPlan": "api.lab",
        "SessionRow": "plan.overview",
        "State": "plan.plan",
    }

    def __getattr__(name: str) -> object:
        if name == "errors":
            return import_module("labcrate.errors")
        if name == "open":
            return import_module("labcrate.api.archive").open_archive
        if name in _HOMES:
            return getattr(import_module(f"labcrate.{_HOMES[name]}"), name)
        raise AttributeError(f"module 'labcrate' has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
