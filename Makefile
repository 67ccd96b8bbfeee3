# make demo    the four documented causes, diagnosed over real HTTP, in a few seconds
# make test    the test suite                       (TESTS="tests/path -k expired" for a part of it)
# make lint    ruff, mypy --strict, import-linter
# make docs    the documentation, into docs/_build/html
# make bench   the measures, beside those of other libraries
# make soak    20,000 certificates of 40 CAs, ten rounds, as an agent asks   (SOAK="--certificates 2000 --rounds 3")
# make fuzz    the fuzz tests, large               (FUZZ_EXAMPLES=50000)
# make cache-torture   eight processes at one cache, killed at random   (SECONDS=60)
#
# Needs Python 3.11 or later and make; each target makes its own .venv when it is missing. PYTHON=/path/to/python chooses the interpreter.

PYTHON ?= $(shell for p in python3.11 python3 python3.12 python3.13 python3.14; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo "$$p" && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check
TESTS ?= tests
FUZZ_EXAMPLES ?= 20000
SECONDS ?= 60

.DEFAULT_GOAL := help
.PHONY: help demo test lint format docs bench soak fuzz cache-torture clean

help:
	@sed -n 's/^# \{0,1\}//p' Makefile | sed -n 1,8p

demo: $(VENV)/.runtime
	@$(BIN)/python -m chaincheck demo

test: $(VENV)/.dev
	$(BIN)/python -m pytest $(TESTS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

docs: $(VENV)/.docs
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html

bench: $(VENV)/.dev
	@$(BIN)/python -m benchmarks

soak: $(VENV)/.dev
	@$(BIN)/python -m benchmarks.soak $(SOAK)

fuzz: $(VENV)/.dev
	FUZZ_EXAMPLES=$(FUZZ_EXAMPLES) $(BIN)/python -m pytest tests -k fuzz --timeout=0

cache-torture: $(VENV)/.dev
	PYTHONPATH=tests $(BIN)/python tests/fetch/cache_torture.py --processes 8 --seconds $(SECONDS)

clean:
	rm -rf $(VENV) build dist docs/_build .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache

# One stamp per set of packages; each is made again when pyproject.toml changes.

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "chaincheck needs Python 3.11 or later; none found. Say which with: make PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "could not make $(VENV) with $(PYTHON); on Debian and Ubuntu it may lack: apt-get install python3-venv" >&2; exit 1; }

$(VENV)/.runtime: pyproject.toml | $(BIN)/python
	@$(PIP) install --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	@$(PIP) install --upgrade "pip>=25.1"
	@$(PIP) install --editable . --group dev
	@touch $@ $(VENV)/.runtime

$(VENV)/.docs: pyproject.toml | $(BIN)/python
	@$(PIP) install --upgrade "pip>=25.1"
	@$(PIP) install --editable . --group docs
	@touch $@ $(VENV)/.runtime
