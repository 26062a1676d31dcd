"""The commands and their options. The code of each command is in its own module, imported when the command runs."""

import argparse

from labcrate.cli.shared_arguments import (
    add_check_arguments,
    add_lab_arguments,
    add_session_arguments,
    add_workers_arguments,
)


def _add_plan_arguments(parser: argparse.ArgumentParser) -> None:
    add_session_arguments(parser)
    parser.add_argument(
        "--left-out",
        action="store_true",
        help="also list the files of other sessions, which are otherwise only counted",
    )


def _add_export_arguments(parser: argparse.ArgumentParser) -> None:
    add_session_arguments(parser)
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE|FOLDER",
        help="the ZIP to write, or its folder (default: the current folder; the name is made from the session)",
    )
    parser.add_argument("--force", action="store_true", help="replace an existing file")
    parser.add_argument(
        "--no-sync",
        action="store_false",
        dest="sync",
        help="do not wait for the disk: faster, but a power cut may lose the file",
    )
    parser.add_argument("--allow-incomplete", action="store_true", help="export what is there if something is missing")
    parser.add_argument(
        "--sign",
        action="store_true",
        help="also write FILE.minisig, a signature with the lab's key ('labcrate keygen')",
    )
    add_check_arguments(
        parser,
        "compare the bytes of all recordings with their checksums (default: only those not compared in the "
        "last 30 days; see confirm_days in labcrate.toml)",
        "do not compare bytes with checksums",
    )


def _add_index_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "session", metavar="ID", nargs="?", help="index only this session's recordings (default: the whole lab)"
    )
    add_lab_arguments(parser)
    parser.add_argument(
        "--check", action="store_true", help="read all files again, and compare them with their checksums"
    )
    parser.add_argument(
        "--base-topic",
        metavar="TOPIC",
        help="Zigbee2MQTT's base topic (default: LABCRATE_BASE_TOPIC, labcrate.toml's, or zigbee2mqtt)",
    )
    add_workers_arguments(parser)


def _add_verify_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="an archive made by labcrate")
    parser.add_argument(
        "--key", metavar="PUBKEY", help="also check the signature, with the lab's public key (text or a file)"
    )
    parser.add_argument("--signature", metavar="FILE", help="with --key: the signature file (default: FILE.minisig)")


def _add_demo_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder",
        metavar="DIR",
        nargs="?",
        default="labcrate-demo",
        help="the folder to create (default: labcrate-demo)",
    )


def _add_serve_arguments(parser: argparse.ArgumentParser) -> None:
    add_lab_arguments(parser)
    parser.add_argument(
        "--host", metavar="ADDRESS", default="127.0.0.1", help="the address to listen on (default: 127.0.0.1)"
    )
    parser.add_argument("--port", type=int, default=8642, metavar="N", help="the port to listen on (default: 8642)")
    parser.add_argument(
        "--base-url", metavar="URL", help="the address that users open, if the server is behind a proxy"
    )
    parser.add_argument(
        "--trusted-proxy",
        metavar="NETWORK",
        action="append",
        default=[],
        help="with --base-url: an address or network of proxies whose X-Forwarded-For header is used (may be repeated; "
        "default: this machine)",
    )
    parser.add_argument("--tls-cert", metavar="FILE", help="the server's certificate chain (PEM), for HTTPS")
    parser.add_argument("--tls-key", metavar="FILE", help="the certificate's private key (PEM)")
    parser.add_argument(
        "--time-zone",
        metavar="ZONE",
        help="time zone of the times on pages (IANA name; default: labcrate.toml's, or this machine's)",
    )
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
        help="a folder outside the lab from which recorders' files may be read (may be repeated)",
    )
    add_workers_arguments(parser)


def _add_user_arguments(parser: argparse.ArgumentParser) -> None:
    actions = ("add", "list", "disable", "enable", "password", "role", "reset-second-factor")
    parser.add_argument("action", choices=actions, help="what to do")
    parser.add_argument("name", metavar="NAME", nargs="?", help="the user's name")
    add_lab_arguments(parser)
    parser.add_argument(
        "--role", choices=("viewer", "operator", "admin"), help="the user's role (default for add: viewer)"
    )
    parser.add_argument(
        "--password-stdin", action="store_true", help="read the password from standard input instead of the terminal"
    )


def _add_study_arguments(parser: argparse.ArgumentParser) -> None:
    actions = ("list", "add", "remove", "sessions", "people", "fill")
    parser.add_argument("action", choices=actions, help="what to do")
    parser.add_argument("name", metavar="NAME", nargs="?", help="the study's name")
    parser.add_argument(
        "words",
        metavar="WORD",
        nargs="*",
        help="sessions: add or remove, then session IDs; people: add or remove, then user names",
    )
    add_lab_arguments(parser)
    parser.add_argument(
        "--tag", metavar="TAG", help="fill: add the sessions that have this tag now (after confirmation)"
    )
    parser.add_argument("--yes", action="store_true", help="fill: add them without asking")


def _add_token_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("add", "list", "revoke"), help="what to do")
    parser.add_argument("name", metavar="NAME", nargs="?", help="the token's name")
    add_lab_arguments(parser)
    parser.add_argument("--user", metavar="NAME", help="the user of the token")
    parser.add_argument(
        "--days", type=int, default=365, metavar="N", help="number of days until the token expires (default: 365)"
    )


def _add_log_arguments(parser: argparse.ArgumentParser) -> None:
    add_lab_arguments(parser)
    parser.add_argument("--session", metavar="ID", help="only transfers of this session")
    parser.add_argument("--who", metavar="NAME", default="", help="only users with this text in their name")
    parser.add_argument(
        "--from", metavar="DATE", dest="since", help="only transfers that began on this day (UTC) or later"
    )
    parser.add_argument(
        "--to", metavar="DATE", dest="until", help="only transfers that began on this day (UTC) or earlier"
    )
    parser.add_argument("--csv", action="store_true", help="print the log as CSV")


def _add_init_arguments(parser: argparse.ArgumentParser) -> None:
    add_lab_arguments(parser)
    parser.add_argument("--print", action="store_true", dest="print_only", help="print the file instead of writing it")


def _add_doctor_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("session", metavar="ID", nargs="?", help="check only this session (default: the whole lab)")
    add_lab_arguments(parser)
    parser.add_argument(
        "--base-topic",
        metavar="TOPIC",
        help="Zigbee2MQTT's base topic (default: LABCRATE_BASE_TOPIC, labcrate.toml's, or zigbee2mqtt)",
    )
    parser.add_argument("--all", action="store_true", help="show all findings, not only the first ten of each kind")
    add_workers_arguments(parser)


def _add_link_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("session", metavar="ID", help="the session's ID")
    parser.add_argument(
        "files", metavar="FILE", nargs="*", help="near misses, named as in the output of 'labcrate plan'"
    )
    add_lab_arguments(parser)
    parser.add_argument(
        "--all",
        action="store_true",
        help="link all near misses whose name contains the session's marker and ID (after confirmation)",
    )
    parser.add_argument("--yes", action="store_true", help="with --all or --by-time: link without asking")
    parser.add_argument(
        "--camera",
        metavar="CAMERA",
        action="append",
        default=[],
        help="the camera that made the recordings (ID, name or prefix); with --by-time: use this camera (the "
        "recorder's own name for it is accepted, too; may be repeated) instead of the session's selected ones",
    )
    parser.add_argument(
        "--move",
        action="store_true",
        help="move the files into the session's folder (default: leave them where they are)",
    )
    parser.add_argument(
        "--remux",
        action="store_true",
        help="make an MP4 from each video in another container, without encoding it again",
    )
    parser.add_argument("--undo", metavar="N", type=int, help="undo link number N ('labcrate link ID' lists the links)")
    _add_by_time_arguments(parser)


def _add_by_time_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--by-time",
        action="store_true",
        help="link the recordings that the recorders in labcrate.toml made during the session (after confirmation)",
    )
    parser.add_argument(
        "--recorder",
        metavar="NAME",
        action="append",
        default=[],
        help="with --by-time: use only this recorder (may be repeated)",
    )
    parser.add_argument(
        "--pad",
        metavar="TIME",
        default="0s",
        help="with --by-time: also include recordings from this long before and after the session, for example 30s or "
        "5m",
    )
    parser.add_argument(
        "--yes-beyond",
        action="store_true",
        help="with --by-time: also link recordings that extend more than a minute beyond the session, or into another "
        "one",
    )


COMMANDS = {
    "demo": ("build a sample lab and export one of its sessions", _add_demo_arguments),
    "sessions": ("list the lab's sessions", add_lab_arguments),
    "plan": ("show what an export would include and leave out, and why", _add_plan_arguments),
    "export": ("export a session as one ZIP", _add_export_arguments),
    "verify": ("check an archive against its manifest", _add_verify_arguments),
    "keygen": ("create the key that signs the lab's archives", add_lab_arguments),
    "index": ("compute checksums and read sensor messages in advance", _add_index_arguments),
    "init": ("write a commented labcrate.toml from the lab's files", _add_init_arguments),
    "doctor": ("list the problems of a lab or a session, with remedies", _add_doctor_arguments),
    "layout": ("print the structure of an archive, with all offsets", add_session_arguments),
    "link": ("link near misses to a session, or undo a link", _add_link_arguments),
    "serve": ("serve the lab to browsers: pages, HTTP API, resumable downloads", _add_serve_arguments),
    "user": ("manage users, their roles and passwords", _add_user_arguments),
    "study": ("manage studies, which limit the sessions that people see", _add_study_arguments),
    "token": ("manage tokens, which give scripts access", _add_token_arguments),
    "log": ("show the export log: what left the lab, when, and who took it", _add_log_arguments),
}
