# Each target stands alone: it makes .venv first and installs what pyproject.toml asks for.

PYTHON ?= python3
BIN := .venv/bin
# dev,kerberos also tests Kerberos; it is compiled (Debian, Ubuntu: libkrb5-dev gcc python3-dev).
EXTRAS ?= dev
INSTALLED := .venv/.installed-$(EXTRAS)

.PHONY: help demo test check bench bench-compare bench-keep cost lint lock clean

help:
	@echo 'make demo   a plant to play with, read into files: needs neither PI nor AWS'
	@echo 'make test   all tests'
	@echo 'make lint   ruff, mypy, the order of the rooms'
	@echo 'make check  lint and test: what must be green before a change goes in'
	@echo 'make lock   requirements.lock after a change of the dependencies; remove the file first to take the newest of all'
	@echo 'make bench  how fast it is on this machine, a quarter of an hour; QUICK=1 a few minutes, LONG=1 all, CASE=NAME only one'
	@echo 'make bench-compare  what of the last make bench got worse; make bench-keep stores it'
	@echo 'make cost   what the destinations count of a plant: the tables of docs/cost.md'
	@echo 'make clean  removes what these targets made'

demo: $(INSTALLED)
	$(BIN)/pibridge demo

# One file of tests stays in one process: what it sets up once is set up once. They mostly wait; the long ones come first.
test: $(INSTALLED)
	$(BIN)/pytest -n 5 --dist loadfile --no-loadscope-reorder --tb=short

check: lint test

# CASE takes several names and wildcards; BENCH more options (make bench BENCH=--help).
bench: $(INSTALLED)
	$(BIN)/python benchmarks/bench.py $(if $(QUICK),--quick) $(if $(LONG),--long) $(patsubst %,--case '%',$(CASE)) $(BENCH)

bench-compare: $(INSTALLED)
	$(BIN)/python benchmarks/compare.py

bench-keep: $(INSTALLED)
	$(BIN)/python benchmarks/compare.py --keep

cost: $(INSTALLED)
	$(BIN)/python benchmarks/cost.py

lint: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

# What a deployed daemon needs, for every platform. Without the extra kerberos: that is compiled where it is wanted.
lock: $(INSTALLED)
	$(BIN)/uv pip compile pyproject.toml --extra parquet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --custom-compile-command 'make lock' --quiet --output-file requirements.lock

clean:
	rm -rf .venv dist build greengrass-build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -path ./.git -prune -o -type d -name __pycache__ -prune -exec rm -rf {} +

$(INSTALLED): pyproject.toml
	@command -v $(PYTHON) >/dev/null || { \
	  echo '$(PYTHON) is not there: install Python 3.11 or later (Debian, Ubuntu: sudo apt install python3 python3-venv)'; exit 1; } >&2
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$$($(PYTHON) --version) is too old: PI Bridge needs 3.11 or later; name another one with make PYTHON=python3.12"; exit 1; } >&2
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo 'Python cannot make virtual environments here: sudo apt install python3-venv'; exit 1; } >&2
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$(EXTRAS)]'
	@touch $@
