.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
export PYTHONDONTWRITEBYTECODE := 1
# Half as many again as there are cores: tests that wait for something leave theirs to others.
WORKERS ?= $(shell $(PYTHON) -c "import os; print(-(-3 * (os.cpu_count() or 1) // 2))")

# One virtual environment for all. uv makes it in seconds; where uv cannot be had, plain pip does the same.
# Only the stamps decide whether there is anything to do, so a second `make run` starts at once.
define install
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv 2>/dev/null || true
	@if $(BIN)/python -m uv --version >/dev/null 2>&1; then \
		$(BIN)/python -m uv pip install --quiet --python $(BIN)/python --require-hashes -r $(1) && \
		$(BIN)/python -m uv pip install --quiet --python $(BIN)/python --no-deps --editable .; \
	else \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(1) && \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .; \
	fi
endef

.venv/.run: requirements.lock pyproject.toml
	$(call install,requirements.lock)
	@touch $@

.venv/.dev: requirements-dev.lock pyproject.toml
	$(call install,requirements-dev.lock)
	@touch $@ .venv/.run

.PHONY: help run test demo lint format types bench torture bites lock schema

help: ## this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

run: .venv/.run ## serve the hub, its database, its worker and the sandbox of the providers
	@exec $(BIN)/hub serve

demo: .venv/.run ## play the whole journey against a running hub
	@$(BIN)/hub demo

test: .venv/.dev ## the whole suite
	@$(BIN)/pytest -n $(WORKERS)

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
	@HUB_TORTURE=all $(BIN)/pytest -n auto --dist worksteal tests/torture/test_bites.py

schema: .venv/.dev ## write sql/schema.sql anew from the migrations
	@$(BIN)/hub migrate --dump-schema sql/schema.sql

lock: .venv/.dev ## resolve the dependencies anew
	@$(BIN)/python -m uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --custom-compile-command "make lock" pyproject.toml --output-file requirements.lock
	@$(BIN)/python -m uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --custom-compile-command "make lock" pyproject.toml --group dev --output-file requirements-dev.lock
