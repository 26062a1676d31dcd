"""``python -m labcrate`` is the ``labcrate`` command."""

from labcrate.cli.main import run

run()
