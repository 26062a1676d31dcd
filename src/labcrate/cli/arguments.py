"""The commands and their options; what each one does is in a module of its own, imported when it is run."""

import argparse


def _add_lab_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--lab", metavar="DIR", help="the lab folder (default: LABCRATE_LAB, or the current folder when it is a lab)"
    )


def _add_session_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("session", metavar="ID", help="the session's id")
    _add_lab_arguments(parser)
    parser.add_argument("--pad", metavar="TIME", help="widen the readings' window by this (30s, 5m) on both sides")
    parser.add_argument(
        "--readings",
        choices=("session", "all"),
        default="session",
        help="readings of the session's time, or all of the lab",
    )
    parser.add_argument(
        "--base-topic",
        metavar="TOPIC",
        help="Zigbee2MQTT's base topic (default: LABCRATE_BASE_TOPIC, labcrate.toml's, or zigbee2mqtt)",
    )
    _add_selection_arguments(parser)
    parser.add_argument(
        "--redact", action="store_true", help="take the lab's passwords and addresses out of copied files"
    )
    parser.add_argument(
        "--allow-secrets", action="store_true", help="pack files with the lab's passwords or addresses as they are"
    )
    _add_workers_arguments(parser)


def _add_selection_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--only",
        choices=("all", "sensors", "recordings"),
        default="all",
        help="only the sensor data, or only the recordings",
    )
    parser.add_argument(
        "--camera",
        metavar="CAMERA",
        action="append",
        default=[],
        help="only this camera's recordings (its id, name or prefix; may be repeated)",
    )
    parser.add_argument(
        "--sensor",
        metavar="SENSOR",
        action="append",
        default=[],
        help="only this sensor's readings (its name or address; may be repeated)",
    )
    parser.add_argument(
        "--from",
        metavar="TIME",
        help="only from this time on (ISO 8601; one without a zone is read as --time-zone says)",
    )
    parser.add_argument("--to", metavar="TIME", help="only up to this time")
    parser.add_argument(
        "--time-zone",
        metavar="ZONE",
        help="zone of times without one (IANA name; default: the session's, labcrate.toml's, or UTC)",
    )


def _add_plan_arguments(parser: argparse.ArgumentParser) -> None:
    _add_session_arguments(parser)
    parser.add_argument(
        "--left-out",
        action="store_true",
        help="also name the files of other sessions, which are only counted otherwise",
    )


def _add_export_arguments(parser: argparse.ArgumentParser) -> None:
    _add_session_arguments(parser)
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE|FOLDER",
        help="where the ZIP goes (default: the current folder, named for the session)",
    )
    parser.add_argument("--force", action="store_true", help="replace the file if it exists")
    parser.add_argument(
        "--no-sync",
        action="store_false",
        dest="sync",
        help="do not wait until the disk has it: quicker, lost in a power cut",
    )
    parser.add_argument("--allow-incomplete", action="store_true", help="pack the rest when something is missing")
    parser.add_argument(
        "--sign", action="store_true", help="also write FILE.minisig, a signature by the lab's key ('labcrate keygen')"
    )
    _add_check_arguments(
        parser,
        "compare all bytes with their checksums while packing (default: those not compared for confirm_days)",
        "compare no bytes with their checksums",
    )


def _add_check_arguments(parser: argparse.ArgumentParser, always: str, never: str) -> None:
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--check", action="store_true", default=None, help=always)
    choice.add_argument("--no-check", action="store_false", dest="check", help=never)


def _add_workers_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--workers", type=int, metavar="N", help="how many files are read at once (default: one per core)"
    )


def _add_index_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "session", metavar="ID", nargs="?", help="only this session's recordings (default: the whole lab)"
    )
    _add_lab_arguments(parser)
    parser.add_argument(
        "--check", action="store_true", help="read all files again and compare them with their checksums"
    )
    _add_workers_arguments(parser)


def _add_verify_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="an archive made by labcrate")
    parser.add_argument(
        "--key", metavar="PUBKEY", help="also check who signed it: the lab's public key, as text or as a file"
    )
    parser.add_argument("--signature", metavar="FILE", help="with --key: the signature (default: FILE.minisig)")


def _add_demo_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder", metavar="DIR", nargs="?", default="labcrate-demo", help="where (default: labcrate-demo)"
    )


def _add_serve_arguments(parser: argparse.ArgumentParser) -> None:
    _add_lab_arguments(parser)
    parser.add_argument(
        "--host", metavar="ADDRESS", default="127.0.0.1", help="the address to listen on (default: 127.0.0.1)"
    )
    parser.add_argument("--port", type=int, default=8642, metavar="N", help="the port to listen on (default: 8642)")
    parser.add_argument("--base-url", metavar="URL", help="where a proxy in front of the server is reached")
    parser.add_argument(
        "--trusted-proxy",
        metavar="NETWORK",
        action="append",
        default=[],
        help="an address or network of proxies, whose X-Forwarded-For is believed with --base-url (may be repeated; "
        "default: this machine)",
    )
    parser.add_argument("--tls-cert", metavar="FILE", help="the server's certificate chain (PEM), for HTTPS")
    parser.add_argument("--tls-key", metavar="FILE", help="the certificate's private key (PEM)")
    parser.add_argument("--time-zone", metavar="ZONE", help="zone of times shown (IANA name; default: this machine's)")
    parser.add_argument(
        "--base-topic",
        metavar="TOPIC",
        help="Zigbee2MQTT's base topic (default: LABCRATE_BASE_TOPIC, labcrate.toml's, or zigbee2mqtt)",
    )
    parser.add_argument(
        "--recorder",
        metavar="DIR",
        action="append",
        default=[],
        help="a folder outside the lab in which recorders' files may be read (may be repeated)",
    )
    _add_workers_arguments(parser)


def _add_user_arguments(parser: argparse.ArgumentParser) -> None:
    actions = ("add", "list", "disable", "enable", "password", "role", "reset-second-factor")
    parser.add_argument("action", choices=actions, help="what to do")
    parser.add_argument("name", metavar="NAME", nargs="?", help="the user's name")
    _add_lab_arguments(parser)
    parser.add_argument("--role", choices=("viewer", "operator", "admin"), help="what they may do (add: viewer)")
    parser.add_argument(
        "--password-stdin", action="store_true", help="read the password from standard input, not the terminal"
    )


def _add_study_arguments(parser: argparse.ArgumentParser) -> None:
    actions = ("list", "add", "remove", "sessions", "people", "fill")
    parser.add_argument("action", choices=actions, help="what to do")
    parser.add_argument("name", metavar="NAME", nargs="?", help="the study's name")
    parser.add_argument(
        "words", metavar="WORD", nargs="*", help="sessions: add or remove, then ids; people: add or remove, then users"
    )
    _add_lab_arguments(parser)
    parser.add_argument("--tag", metavar="TAG", help="fill: the sessions that carry this tag now (shows them, asks)")
    parser.add_argument("--yes", action="store_true", help="fill: do not ask")


def _add_token_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("add", "list", "revoke"), help="what to do")
    parser.add_argument("name", metavar="NAME", nargs="?", help="the token's name")
    _add_lab_arguments(parser)
    parser.add_argument("--user", metavar="NAME", help="whose token it is")
    parser.add_argument("--days", type=int, default=365, metavar="N", help="how long it is good for (default: 365)")


def _add_log_arguments(parser: argparse.ArgumentParser) -> None:
    _add_lab_arguments(parser)
    parser.add_argument("--session", metavar="ID", help="only this session's lines")
    parser.add_argument("--who", metavar="NAME", default="", help="only lines of users with this in their name")
    parser.add_argument("--from", metavar="DATE", dest="since", help="only lines begun on this day (UTC) or later")
    parser.add_argument("--to", metavar="DATE", dest="until", help="only lines begun on this day (UTC) or before")
    parser.add_argument("--csv", action="store_true", help="write the lines as CSV")


def _add_init_arguments(parser: argparse.ArgumentParser) -> None:
    _add_lab_arguments(parser)
    parser.add_argument("--print", action="store_true", dest="print_only", help="only show the file, and write nothing")


def _add_doctor_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("session", metavar="ID", nargs="?", help="only this session (default: the whole lab)")
    _add_lab_arguments(parser)
    parser.add_argument(
        "--base-topic", metavar="TOPIC", help="Zigbee2MQTT's base topic (default: LABCRATE_BASE_TOPIC, or zigbee2mqtt)"
    )
    parser.add_argument("--all", action="store_true", help="show all findings, not the first ten of each kind")
    _add_workers_arguments(parser)


def _add_link_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("session", metavar="ID", help="the session's id")
    parser.add_argument("files", metavar="FILE", nargs="*", help="near misses, as 'labcrate plan' names them")
    _add_lab_arguments(parser)
    parser.add_argument(
        "--all", action="store_true", help="all near misses whose name says the session by a marker (shows them, asks)"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask (with --all and --by-time)")
    parser.add_argument(
        "--camera",
        metavar="CAMERA",
        action="append",
        default=[],
        help="the camera that the files are of (id, name or prefix); with --by-time: this one (also by the recorder's "
        "word; may be repeated) instead of the session's selected ones",
    )
    parser.add_argument(
        "--move", action="store_true", help="move the files into the session's folder (default: they stay in place)"
    )
    parser.add_argument(
        "--remux", action="store_true", help="make an MP4 of each video in another container; nothing is encoded again"
    )
    parser.add_argument("--undo", metavar="N", type=int, help="take link number N back ('labcrate link ID' lists them)")
    _add_by_time_arguments(parser)


def _add_by_time_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--by-time",
        action="store_true",
        help="link what the recorders of labcrate.toml have of the session's time: shows it, then asks",
    )
    parser.add_argument(
        "--recorder",
        metavar="NAME",
        action="append",
        default=[],
        help="with --by-time: only this recorder (may be repeated)",
    )
    parser.add_argument(
        "--pad",
        metavar="TIME",
        default="0s",
        help="with --by-time: also so much (30s, 5m) before and after the session",
    )
    parser.add_argument(
        "--yes-beyond",
        action="store_true",
        help="with --by-time: also what reaches over a minute past the session or into another one",
    )


COMMANDS = {
    "demo": ("build a sample lab and export a session of it", _add_demo_arguments),
    "sessions": ("list the lab's sessions", _add_lab_arguments),
    "plan": ("tell what an export would hold, what not, and why", _add_plan_arguments),
    "export": ("package a session into one ZIP", _add_export_arguments),
    "verify": ("check an archive against its manifest", _add_verify_arguments),
    "keygen": ("make the key that signs the lab's archives", _add_lab_arguments),
    "index": ("compute checksums ahead of time", _add_index_arguments),
    "init": ("write a commented labcrate.toml out of what the lab's files show", _add_init_arguments),
    "doctor": ("list what is wrong with a lab or a session, each with its remedy", _add_doctor_arguments),
    "layout": ("print an archive's structure, offset by offset", _add_session_arguments),
    "link": ("link near misses to a session, or take a link back", _add_link_arguments),
    "serve": ("serve the lab to browsers: pages, API, downloads that resume", _add_serve_arguments),
    "user": ("say who may log in, and as what", _add_user_arguments),
    "study": ("say which sessions people see, where not all", _add_study_arguments),
    "token": ("give scripts a key of their own", _add_token_arguments),
    "log": ("tell what left the lab, when, and by whom", _add_log_arguments),
}
