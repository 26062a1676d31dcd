"""Names that try to steer a terminal, to leave a folder, or to be another name or none, from a seed."""

import random
from collections.abc import Sequence

ATOMS = (
    "\x1b[2J", "\x1b]0;t\x07", "\x07", "\x08", "\r", "\n", "\t", "\x7f", "\x85", "\x9b31m", "\u202e", "\u2066",
    "\u200f",
    "\u2028", "\u061c", "\ufeff", "\u200d", "\u00ad", "<", ">", ":", '"', "\\", "|", "?", "*", "$(id)", "`id`", "%00",
    "%2e%2e", "..", ".", " ", "~", "~1", "~2", "'", "--", "=1+1", "@SUM(1)", "+1", "-1", "{0}", "%s", "&amp;", "<b>",
    "a", "B", "cam1", "session42", "session4", "s42", "42", "042", "_", "-", "_s", "ß", "SS", "ﬁ", "é", "e\u0301", "İ",
    "ı", "K", "Å", "한", "漢字", "🎥", "\udcff", "\udcc3", "\udced\udca0\udc80",
)  # fmt: skip
WHOLE = (
    "CON", "con.txt", "NUL.mp4", "COM1", "com¹.txt", "LPT9.a.b", "CONIN$", "aux ", "prn .", ".git", ".GIT", "git~1",
    ".g\u200cit", "autorun.inf", "AUTORUN.INF", "a:b", "a::$DATA", "C:", "C:\\x", "\\\\host\\share", "...", "....",
    ". .",
    " ", "  x", "x.", "x ", "x. .", "-rf", "--output=x", "-", "=cmd|' /C calc'!A1", "+1", "@x", "~", "~root", "%PATH%",
    "desktop.ini ", "Thumbs.db.", "README.txt", "manifest-sha256.txt", "recordings", "data", "sensor_data", "a\\..\\b",
    "..\\..\\x", ".. ", "..\u200b", "café", "cafe\u0301", "CAFÉ", "straße", "STRASSE", "\u212b", "A\u030a", "Å", "ﬁle",
    "file", "FILE", "漢" * 85, "é" * 127 + "x", "e\u0301" * 85, "🎥" * 63 + "abc", "x" * 255, "\udcff" * 255,
)  # fmt: skip
SUFFIXES = ("", "", ".mp4", ".MP4", ".mkv", ".txt", ".csv", ".json", ".pdf", ".mp4.", ".mp4 ")
PREFIXES = ("cam1", "CAM1", "cam2", "hall-é", "hall-e\u0301", "garden", "", "-", "cam1_session7")
IDS = ("42", "4", "7", "042", "42-b", "P07", "p07", "P07-morning", "٤٢", "", "4 2")
MARKERS = ("_session", "-session", "_s", "-S", "session", "_SESSION", "_ſession", "_sess\u0131on")


def component(dice: random.Random) -> str:
    """Return one part of a path: at most 255 bytes, none of '/', NUL, '.' and '..'."""
    name = dice.choice(WHOLE) if dice.random() < 0.35 else "".join(dice.choices(ATOMS, k=dice.randrange(1, 7)))
    return possible(name + dice.choice(SUFFIXES) if dice.random() < 0.6 else name)


def recording(dice: random.Random) -> str:
    """Return a name near the grammar of recordings, with anything inside or behind."""
    name = dice.choice(PREFIXES) + dice.choice(MARKERS) + dice.choice(IDS)
    if dice.random() < 0.7:
        name += dice.choice("_-. ~") + "".join(dice.choices(ATOMS, k=dice.randrange(4)))
    if dice.random() < 0.2:
        at = dice.randrange(len(name) + 1)
        name = name[:at] + dice.choice(ATOMS) + name[at:]
    room = 251 - len(possible(name).encode("utf-8", "surrogateescape"))
    if dice.random() < 0.05:
        name += "漢" * (room // 3)
    return possible(name, 251) + dice.choice((".mp4", ".mp4", ".mp4", ".MP4", ".mkv"))


def folders(dice: random.Random) -> str:
    """Return folders, each with its slash: usually none or few, sometimes a hundred."""
    depth = dice.choice((0, 0, 0, 1, 1, 2, 3, 100))
    if depth == 100:
        return "".join(f"{dice.choice('abAB-')}{dice.choice('é.1 ')}x/" for _ in range(depth))
    return "".join(f"{possible(component(dice), 200)}/" for _ in range(depth))


def pairs(names: Sequence[str], dice: random.Random) -> list[str]:
    """Return the same names in capitals, with swapped case or with a dot after: one name on other systems."""
    found = []
    for name in dice.sample(names, min(len(names), 8)):
        folder, slash, last = name.rpartition("/")
        found.append(folder + slash + possible(dice.choice((last.upper(), last.swapcase(), f"{last}."))))
    return found


def possible(name: str, longest: int = 255) -> str:
    """Return the name as Linux allows it, cut to ``longest`` bytes."""
    raw = name.replace("/", "_").replace("\0", "_").encode("utf-8", "surrogateescape")[:longest]
    name = raw.decode("utf-8", "surrogateescape")
    return f"_{name}" if name in ("", ".", "..") else name
