"""Options that several commands have."""

import argparse


def add_lab_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--lab``."""
    parser.add_argument("--lab", metavar="DIR", help="the lab folder (default: LABCRATE_LAB, or the current folder)")


def add_session_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the session's ID and the options that choose what an export includes."""
    parser.add_argument("session", metavar="ID", help="the session's ID")
    add_lab_arguments(parser)
    parser.add_argument(
        "--pad",
        metavar="TIME",
        help="also include readings from this long before and after the session, for example 30s or 5m",
    )
    parser.add_argument(
        "--readings",
        choices=("session", "all"),
        default="session",
        help="readings from the session's time, or all readings of the lab",
    )
    parser.add_argument(
        "--base-topic",
        metavar="TOPIC",
        help="Zigbee2MQTT's base topic (default: LABCRATE_BASE_TOPIC, labcrate.toml's, or zigbee2mqtt)",
    )
    add_selection_arguments(parser)
    add_table_arguments(parser)
    parser.add_argument(
        "--redact", action="store_true", help="remove the lab's passwords and addresses from copied files"
    )
    parser.add_argument(
        "--allow-secrets",
        action="store_true",
        help="copy files unchanged even if they contain the lab's passwords or addresses",
    )
    add_workers_arguments(parser)


def add_selection_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose a part of a session."""
    parser.add_argument(
        "--only",
        choices=("all", "sensors", "recordings"),
        default="all",
        help="include only the sensor data, or only the recordings",
    )
    parser.add_argument(
        "--camera",
        metavar="CAMERA",
        action="append",
        default=[],
        help="include only this camera's recordings (its ID, name or prefix; may be repeated)",
    )
    parser.add_argument(
        "--sensor",
        metavar="SENSOR",
        action="append",
        default=[],
        help="include only this sensor's readings (its name or address; may be repeated)",
    )
    parser.add_argument(
        "--from",
        metavar="TIME",
        help="include only data from this time on (ISO 8601; in the --time-zone if it has no zone)",
    )
    parser.add_argument("--to", metavar="TIME", help="include only data up to this time")
    parser.add_argument(
        "--time-zone",
        metavar="ZONE",
        help="time zone of times without a zone (IANA name; default: the session's, or labcrate.toml's, or UTC)",
    )


def add_table_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that add and leave out tables of the readings."""
    parser.add_argument(
        "--with",
        metavar="parquet",
        action="append",
        default=[],
        help="also include the readings as Parquet tables, typed and compressed",
    )
    parser.add_argument(
        "--without",
        metavar="TABLE",
        action="append",
        default=[],
        help="leave out a table made from the readings: zigbee-json, zigbee-csv, long-json or long-csv (may be "
        "repeated)",
    )


def add_check_arguments(parser: argparse.ArgumentParser, always: str, never: str) -> None:
    """Add ``--check`` and ``--no-check`` with these help texts."""
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--check", action="store_true", default=None, help=always)
    choice.add_argument("--no-check", action="store_false", dest="check", help=never)


def add_workers_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--workers``."""
    parser.add_argument(
        "--workers", type=int, metavar="N", help="number of files to read at the same time (default: one per core)"
    )
