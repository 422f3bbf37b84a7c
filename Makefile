# `make bench` and `make test` set up what they need by themselves: a virtual environment in .venv, with everything
# that pyproject.toml asks for. They work again after pyproject.toml changed. Another interpreter: make test PYTHON=python3.13

PYTHON ?= python3
VENV ?= .venv
SUITE ?= tpch scan
TIME_LIMIT ?= 110
SCALE ?=
BENCH_ARGS ?=
TEST_ARGS ?=
TOOL_TESTS := tests/duckdb/test_tools.py tests/duckdb/test_dbt.py
# One more than there are processors: tests wait for disks and for other programs, too.
TEST_PROCESSES ?= $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 1)')
DUCKDB ?=

ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.PHONY: help bench test test-tools native check coverage figures clean

help:
	@echo "make bench     measure Locality and others on real data          (SUITE=tpch SCALE=0.1 TIME_LIMIT=110 BENCH_ARGS=...)"
	@echo "make test      run the tests                                       (TEST_ARGS=... TEST_PROCESSES=0 DUCKDB=1.5)"
	@echo "make test-tools run the tests with dbt, Ibis, SQLAlchemy and SQL magics, in an environment of their own"
	@echo "make native    fetch DuckDB's sources and compile its extension; tests of it are skipped without"
	@echo "make check     lint, types and import contract"
	@echo "make coverage  run the tests with kernels as plain Python, and report line coverage"
	@echo "make figures   measure, and write docs/figures.md and the README's summary"
	@echo "make clean     remove the environment and build products"

bench: $(VENV)/.bench
	@for suite in $(SUITE); do \
		$(BIN)/locality bench $$suite $(if $(SCALE),--scale $(SCALE)) --time-limit $(TIME_LIMIT) \
			--html bench-$$suite.html $(BENCH_ARGS) || exit; \
	done
	@echo "Written as pages to open in a browser: $(SUITE:%=bench-%.html)"

ifeq ($(DUCKDB),)
test: $(VENV)/.dev
	$(BIN)/python -m pytest --numprocesses $(TEST_PROCESSES) --dist loadfile $(TEST_ARGS)

else
# Another version of DuckDB, in an environment of its own: make test DUCKDB=1.5
test:
	@$(MAKE) --no-print-directory $(VENV)-duckdb$(DUCKDB)/.dev VENV=$(VENV)-duckdb$(DUCKDB)
	@$(VENV)-duckdb$(DUCKDB)/$(notdir $(BIN))/python -m pip --disable-pip-version-check --quiet install "duckdb==$(DUCKDB).*"
	$(VENV)-duckdb$(DUCKDB)/$(notdir $(BIN))/python -m pytest --numprocesses $(TEST_PROCESSES) --dist loadfile $(TEST_ARGS)
endif

# Tools pin versions of what they need, so they come beside the other environment, not into it.
test-tools:
	@$(MAKE) --no-print-directory $(VENV)-tools/.tools VENV=$(VENV)-tools
	$(VENV)-tools/$(notdir $(BIN))/python -m pytest $(TOOL_TESTS) $(TEST_ARGS)

# The one step that fetches more than packages to install: DuckDB's source package, for its headers.
native: $(VENV)/.dev
	@version=$$($(BIN)/python -c 'import duckdb; print(duckdb.__version__)') && \
		$(PIP) download --no-binary duckdb --no-deps --dest $(VENV) duckdb==$$version && \
		$(BIN)/python -m locality.duckdb.native $(VENV)/duckdb-$$version.tar.gz

check: $(VENV)/.dev
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy
	$(BIN)/lint-imports

coverage: $(VENV)/.dev
	LOCALITY_INTERPRET=1 $(BIN)/python -m coverage run -m pytest $(TEST_ARGS)
	$(BIN)/python -m coverage report

# Measures at scales 1 and 10, for some 25 minutes, and writes docs/figures.md and the README's summary from it; run it on
# a machine that does nothing else.
figures: $(VENV)/.bench
	$(BIN)/locality bench tpch --scale 1 --time-limit 400 --json docs/benchmarks/tpch-sf1.json
	$(BIN)/locality bench scan --scale 1 --time-limit 400 --json docs/benchmarks/scan-sf1.json
	$(BIN)/locality bench tpch --scale 1 --time-limit 200 --engines locality,locality_advised,duckdb,duckdb_sorted \
		--json docs/benchmarks/tpch-advised-sf1.json
	$(BIN)/locality bench tpch --scale 10 --time-limit 1200 --json docs/benchmarks/tpch-advised-sf10.json \
		--engines locality,locality_advised,duckdb,duckdb_sorted,hyper,polars
	$(BIN)/python docs/figures.py

clean:
	rm -rf $(VENV) $(VENV)-tools $(VENV)-duckdb* build dist .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# The environment's own file is its stamp; a failed installation leaves no stamp and is tried again.
$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Locality needs Python 3.11 or newer, and this is " + sys.version.split()[0] + "; choose another: make PYTHON=python3.12 ...")'
	@echo "Setting up $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.bench: $(VENV)/pyvenv.cfg pyproject.toml
	@echo "Installing Locality with what the benchmarks need"
	@$(PIP) install --editable ".[bench]"
	@touch $@

$(VENV)/.dev: $(VENV)/pyvenv.cfg pyproject.toml
	@echo "Installing Locality with what the tests and checks need"
	@$(PIP) install --editable ".[bench,dev]"
	@touch $@

$(VENV)/.tools: $(VENV)/pyvenv.cfg pyproject.toml
	@echo "Installing Locality with the tools"
	@$(PIP) install --editable ".[tools]"
	@touch $@
