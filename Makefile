# `make demo` and `make test` need git, make and Python 3.11 or newer, and set up all the rest (CONTRIBUTING.md).

VENV := .venv
BIN := $(VENV)/bin

# The tests make thousands of small stores and sync each write. In memory, where there is room for it, that is quick.
ROOMY := $(shell test "$$(df --output=avail -m /dev/shm 2>/dev/null | tail -n 1)" -ge 4096 2>/dev/null && echo TMPDIR=/dev/shm)
# Many tests wait for servers, so one more than there are cores.
WORKERS := $(shell echo $$(( $$(nproc 2>/dev/null || echo 2) + 1 )))
PYTEST := $(ROOMY) $(BIN)/pytest -n $(WORKERS) --dist loadfile
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

# The tests start the program hundreds of times; Python compiles it once if it may keep what it compiled.
unexport PYTHONDONTWRITEBYTECODE

.NOTPARALLEL:
.PHONY: demo test test-slow check coverage types lowest matrix docs messages benchmarks servers clean

TRANSLATIONS := $(wildcard provisioner/locale/*/LC_MESSAGES/*.po plugins/*/*/locale/*/LC_MESSAGES/*.po)
READY := $(VENV)/.installed-dev $(TRANSLATIONS:.po=.mo)

## The whole story, on this machine; with DEMO=--console, a browser can look around in the end. Installs nothing outside .venv.
demo: $(VENV)/.installed
	@$(BIN)/provisioner demo $(DEMO)

## Every check, and the tests whatever the checks find; installs the servers' Debian packages where it may.
test: servers $(READY)
	@status=0; \
	$(MAKE) --no-print-directory check || status=$$?; \
	$(PYTEST) -m 'not slow' || status=$$?; \
	exit $$status

## The tests that start, kill or wait for whole programs.
test-slow: servers $(READY)
	@$(PYTEST) -m slow

## What needs no server: style, types, layers and the documentation.
check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/codespell --dictionary .codespell-retired-words --skip '*/glossary.md,*/test_glossary.py'
	$(BIN)/pymarkdown scan --respect-gitignore --recurse .
	@$(MAKE) --no-print-directory docs

## The documentation as a site, in build/site. A broken link is an error.
docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

## Brings the translations up to date with the code, and compiles them for the program.
messages: $(VENV)/.installed-dev
	$(BIN)/python -m update_messages

## How much of the core and the store their own tests reach, on both databases; less than before is an error.
coverage: servers $(READY)
	@$(PYTEST) -m 'not slow or server' --cov --cov-report= tests/core tests/store
	$(BIN)/coverage report

## This build beside an earlier one and beside bare scripts, as one table. Takes half an hour, on a quiet machine.
benchmarks: $(READY)
	$(BIN)/python benchmarks/all.py

## What the editors of plug-in authors see. The first time, pyright comes with a Node.js of some 60 MB.
types: $(READY)
	$(PIP) install --group types
	$(BIN)/basedpyright

## The core with the lowest dependencies that are allowed, and with each Python of this machine.
lowest:
	@bash .ci/lowest

matrix:
	@bash .ci/matrix

servers:
	@bash .ci/servers

clean:
	rm -rf $(VENV) .venv-lowest .venv-3.* build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.*

$(BIN)/python:
	@bash .ci/venv $(VENV)

# The installation compiles the translations; developers need not install again after each change.
$(VENV)/.installed: pyproject.toml compile_messages.py $(TRANSLATIONS) | $(BIN)/python
	$(PIP) install --editable '.[console]'
	@touch $@

# Dependency groups need pip 25.1.
$(VENV)/.installed-dev: pyproject.toml compile_messages.py | $(BIN)/python
	$(PIP) install --upgrade 'pip>=25.1'
	$(PIP) install --editable . --group dev --group docs
	@touch $@ $(VENV)/.installed

%.mo: %.po | $(VENV)/.installed-dev
	$(BIN)/pybabel --quiet compile --input-file $< --output-file $@
