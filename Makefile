# On a machine with Python 3.11+, git and make:
#   make demo    sets up and exports a session of a sample lab
#   make test    sets up and runs the tests: all but the long ones
# Everything is installed into .venv, from the hashed requirement files alone.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.14; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
DEMO ?= labcrate-demo
UV = $(shell command -v uv 2>/dev/null || echo $(BIN)/uv)

.PHONY: help demo serve test test-all lint check format bench lock clean

help:
	@echo "make demo    set up and export a session of a sample lab into $(DEMO)/"
	@echo "make serve   the same, and serve the sample lab to your browser"
	@echo "make test    set up and run the tests, all but the long ones"
	@echo "make test-all   all tests: real clients, kills, browsers, attacks too"
	@echo "make check   format, lint, plain words, types, floors, make test"
	@echo "make bench   measure beside cp, zip, 7-Zip and others (BENCH_ARGS=--quick: some minutes)"
	@echo "make lock    renew the hashed requirement files"
	@echo "make clean   remove what the commands above made"

demo: .venv/run
	@$(BIN)/labcrate demo $(DEMO)

serve: .venv/run
	@test -d $(DEMO)/sessions || $(BIN)/labcrate demo $(DEMO)
	@$(BIN)/labcrate serve --lab $(DEMO)

# A file's tests stay on one core, so that they can share what they build. Each test that starts a process would
# compile all modules again without their bytecode.
PYTEST = PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -q -n auto --dist loadfile

test: .venv/dev
	@$(PYTEST) --quick --ignore tests/slow $(PYTEST_ARGS)

test-all: .venv/dev
	@LABCRATE_THOROUGH=1 $(PYTEST) $(PYTEST_ARGS)

lint: .venv/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/python checks/plain_words.py
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test

format: .venv/dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/bench
	@$(BIN)/python -m benchmarks $(BENCH_ARGS)

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "labcrate needs Python 3.11 or later; name one with make PYTHON=..."; exit 1; }
	@echo "Setting up .venv with $(PYTHON) ..."
	@$(PYTHON) -m venv .venv || { echo "On Debian and Ubuntu, install python3-venv first."; rm -rf .venv; exit 1; }

.venv/uv: .venv/bin/python requirements/bootstrap.txt
	@command -v uv >/dev/null 2>&1 || $(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	@touch $@

.venv/run: .venv/uv requirements/run.txt pyproject.toml
	@$(UV) pip install -q --compile-bytecode -p .venv --require-hashes -r requirements/run.txt
	@$(UV) pip install -q -p .venv --no-deps --no-build-isolation -e .
	@touch $@

.venv/dev: .venv/run requirements/dev.txt
	@$(UV) pip install -q --compile-bytecode -p .venv --require-hashes -r requirements/dev.txt
	@touch $@

.venv/bench: .venv/dev requirements/bench.txt
	@$(UV) pip install -q --compile-bytecode -p .venv --require-hashes -r requirements/bench.txt
	@touch $@

LOCK = $(UV) pip compile -q --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
	--python-version 3.11 --custom-compile-command 'make lock'

lock: .venv/uv
	$(LOCK) requirements/bootstrap.in -o requirements/bootstrap.txt
	$(LOCK) pyproject.toml --group build -o requirements/run.txt
	$(LOCK) pyproject.toml --group build --group dev -o requirements/dev.txt
	$(LOCK) --group bench -c requirements/dev.txt -o requirements/bench.txt

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist $(DEMO)
