"""labcrate packages one session of a living lab into one verifiable ZIP."""

__version__ = "0.1.0"
