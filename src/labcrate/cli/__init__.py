"""The command line: commands, progress bars, exit codes."""
