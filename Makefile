# Every target does its own set-up. All that it needs on the machine is make and a Python of 3.11 or newer.

VENV := .venv
PY := $(VENV)/bin/python
# Errors only: a mirror's warnings help nobody here.
PIP := $(PY) -m pip --disable-pip-version-check -qq
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo test quick lint types check bench wheel sdks fmt clean

help:
	@echo "make demo    a small fleet of agents at work, live on a page, then its tables (ARGS=--keep: the page stays)"
	@echo "make test    all tests (ARGS='-k histogram' picks some, ARGS='-m hostile' fault injection and hostile input)"
	@echo "make quick   in a minute, the tests of every room that are quick and need no other process and no network"
	@echo "make lint    ruff and the import contracts"
	@echo "make types   mypy --strict and pyright"
	@echo "make check   lint, types, test and wheel"
	@echo "make bench   the benchmarks (SMOKE=1: only see that they run)"
	@echo "make wheel   build the wheel and try it in a clean environment"
	@echo "make sdks    the providers' own SDKs against our reading of what they return (half a gigabyte)"
	@echo "make fmt     format the code"
	@echo "make clean   remove the environment and what was built"

demo: $(VENV)/.installed
	@$(VENV)/bin/pepperpy-obs demo $(ARGS)

test: $(VENV)/.installed-dev
	$(PY) -m pytest $(ARGS)

quick: $(VENV)/.installed-dev
	$(PY) -m pytest -n 2 -m "quick or not (slow or processes or network or hostile)" tests pepperpy_obs $(ARGS)

lint: $(VENV)/.installed-dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(VENV)/bin/lint-imports --no-logo --no-cache

types: $(VENV)/.installed-dev
	$(PY) -m mypy
	$(PY) -m pyright --warnings

check: lint types test wheel

bench: $(VENV)/.installed
	$(PY) -m benchmarks $(if $(SMOKE),--smoke) $(ARGS)

wheel: $(VENV)/.installed-dev
	sh .ci/wheel $(PY)

# In an environment of their own: they are large, and want each other's versions of everything.
sdks: .venv-sdks/.installed
	PEPPERPY_SDKS=1 .venv-sdks/bin/python -m pytest -o filterwarnings=ignore -p no:cacheprovider --confcutdir=tests tests/sdks $(ARGS)

.venv-sdks/.installed: pyproject.toml
	@sh .ci/venv .venv-sdks
	@echo "installing pepperpy_obs and the SDKs into .venv-sdks"
	@.venv-sdks/bin/python -m pip --disable-pip-version-check -qq install 'pip>=25.1'
	@.venv-sdks/bin/python -m pip --disable-pip-version-check -qq install --editable . --group sdks
	@touch $@

fmt: $(VENV)/.installed-dev
	$(PY) -m ruff check --fix-only .
	$(PY) -m ruff format .

clean:
	rm -rf $(VENV) .venv-sdks build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

# Each stamp says what the environment holds; none of them counts once its Python no longer runs (the machine's was upgraded).
$(shell $(PY) -c '' 2>/dev/null || rm -f $(VENV)/.python)

$(VENV)/.python:
	@sh .ci/venv $(VENV)
	@touch $@

$(VENV)/.installed: pyproject.toml $(VENV)/.python
	@echo "installing pepperpy_obs into $(VENV)"
	@$(PIP) install --editable .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml $(VENV)/.python
	@echo "installing pepperpy_obs and what its tests need into $(VENV)"
	@$(PIP) install 'pip>=25.1'
	@$(PIP) install --editable '.[all]' --group dev
	@touch $@ $(VENV)/.installed
