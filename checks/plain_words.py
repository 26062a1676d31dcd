"""Check that names, docstrings and texts are plain: ``python checks/plain_words.py [FILE ...]``.

Three rules, with the lists in ``plain_words.toml``:

1. A function's docstring begins with a verb in the imperative (a test's docstring states its claim instead).
2. No two classes of the source have one name.
3. No name, docstring, comment, message or page holds a word of the list.

Without files, the whole tree is checked. The exit code is 1 if anything was found.
"""

import ast
import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
RULES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
VERBS = frozenset(RULES["verbs"]["imperative"].split())
NAMES = frozenset(RULES["avoid_names"])
WORDS = frozenset(RULES["avoid"])
PHRASES = re.compile("|".join(rf"\b{phrase.replace(' ', chr(92) + 's+')}\b" for phrase in RULES["avoid_phrases"]), re.I)
TEXTS = (".py", ".html", ".js", ".css", ".yaml", ".md", ".sql", ".toml")
# Code is checked for names and docstrings; the rest holds what users read.
CODE = ("src/", "benchmarks/", "checks/", "tests/")
READ = ("src/", "docs/", "README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", ".github/")
HISTORY = ("docs/decisions/",)
_WORD = re.compile(r"[A-Z]?[a-z']+|[A-Z]+(?![a-z])")


@dataclass(frozen=True, slots=True, order=True)
class Violation:
    """A place that breaks a rule."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}"


def check_docstrings(file: str, tree: ast.Module) -> Iterator[Violation]:
    """Yield the functions whose docstring does not begin with a verb in the imperative."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("test_"):
            docstring = ast.get_docstring(node)
            if docstring and (first := docstring.split(maxsplit=1)[0].rstrip(".,:;")) not in VERBS:
                yield Violation(file, node.lineno, f"the docstring of {node.name} begins with '{first}', no known verb")


def check_class_names(trees: Iterable[tuple[str, ast.Module]]) -> Iterator[Violation]:
    """Yield the classes of the source that share their name."""
    places = defaultdict[str, list[tuple[str, int]]](list)
    for file, tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                places[node.name].append((file, node.lineno))
    for name, found in places.items():
        for file, line in found[1:]:
            yield Violation(file, line, f"the class {name} is in {found[0][0]}, too")


def check_names(file: str, tree: ast.Module) -> Iterator[Violation]:
    """Yield the definitions whose name is on the list of names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            name, line = node.name, node.lineno
        elif isinstance(node, ast.arg):
            name, line = node.arg, node.lineno
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            name, line = node.id, node.lineno
        else:
            continue
        if name.strip("_") in NAMES:
            yield Violation(file, line, f"the name {name} says nothing")


def check_words(file: str, text: str) -> Iterator[Violation]:
    """Yield the words and phrases of a text that are on the list."""
    allowed = set(RULES["allow"].get(file, ()))
    for number, line in enumerate(text.splitlines(), 1):
        words = {word.replace("'", "").lower() for word in _WORD.findall(line)}
        for word in sorted((words & WORDS) - allowed):
            yield Violation(file, number, f"the word '{word}': {line.strip()[:100]}")
    for match in PHRASES.finditer(text):
        yield Violation(file, text.count("\n", 0, match.start()) + 1, f"the words '{' '.join(match[0].split())}'")


def find_violations(files: Iterable[str]) -> Iterator[Violation]:
    """Yield every place in the files (paths relative to the checkout) that breaks a rule."""
    source: list[tuple[str, ast.Module]] = []
    for file in files:
        if not file.endswith(TEXTS) or file == "checks/plain_words.toml":
            continue
        text = (ROOT / file).read_text("utf-8")
        if file.endswith(".py") and file.startswith(CODE):
            tree = ast.parse(text)
            yield from check_docstrings(file, tree)
            if file.startswith("src/"):
                source.append((file, tree))
                yield from check_names(file, tree)
        if file.startswith(READ) and not file.startswith(HISTORY):
            yield from check_words(file, text)
    yield from check_class_names(source)


def main(files: list[str]) -> int:
    """Print the violations in the files, or in all files of the checkout. Return the exit code."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    tracked = [file for file in listed.splitlines() if (ROOT / file).is_file()]
    chosen = {Path(file).resolve().relative_to(ROOT).as_posix() for file in files}
    found = [one for one in sorted(find_violations(tracked)) if not chosen or one.file in chosen]
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
