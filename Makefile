# Two commands do everything: `make bench` and `make test`. Both build the environment first.
#   make bench                                    the embedded detector on the embedded corpus
#   make bench MODEL=./checkpoint DATA=./clips    a checkpoint of yours on your recordings
#   make bench MODEL=… DATA=… BASELINE=./run      held against an earlier run; else against the
#                                                 accepted one, where one was accepted
SUITE ?= release
MODEL ?= embedded
DATA  ?= embedded
BASELINE ?= if-accepted
ARGS  ?=
PYTHON ?= python3.11

VENV := .venv
BIN  := $(VENV)/bin

.PHONY: bench bench-speed bench-scale install test lint types wheel-test cluster-test check reference docs lock clean

bench: $(VENV)/.run
	@$(BIN)/harness run $(SUITE) --model "$(MODEL)" --data "$(DATA)" --baseline "$(BASELINE)" $(ARGS)

install: $(VENV)/.run  ## the environment alone: .venv/bin/harness

test: $(VENV)/.dev
	@$(BIN)/python -m pytest -n auto --dist loadfile $(ARGS)

lint: $(VENV)/.dev
	@$(BIN)/ruff format --check . && $(BIN)/ruff check .

types: $(VENV)/.dev
	@$(BIN)/pyright

bench-speed: $(VENV)/.dev  ## measure what is fast here, side by side, and write docs/speed.md
	@$(BIN)/python -m tests.bench $(ARGS)

bench-scale: $(VENV)/.dev  ## measure runs on a cluster of two nodes here, and write docs/scale.md
	@$(BIN)/python -m tests.bench scale $(ARGS)

wheel-test: $(VENV)/.dev  ## build the wheel, install it into an empty environment, run it there
	@$(BIN)/python -m pytest -m wheel $(ARGS)

cluster-test: $(VENV)/.dev  ## the same run on two nodes of a Ray cluster on this machine
	@$(BIN)/python -m pytest -m cluster $(ARGS)

check: lint types test

reference: $(VENV)/.run  ## train the embedded detector again
	@$(BIN)/python -m harness.reference

$(VENV)/.run: requirements.lock pyproject.toml install.sh
	@PYTHON=$(PYTHON) ./install.sh requirements.lock $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml install.sh
	@PYTHON=$(PYTHON) ./install.sh requirements-dev.lock $@

docs: $(VENV)/.dev  ## write the reference pages of docs/ from the code
	@$(BIN)/python -m tests.pages

lock:  ## resolve the dependencies again (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	    --no-emit-index-url --no-emit-find-links --group bound --group build pyproject.toml -o requirements.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	    --no-emit-index-url --no-emit-find-links --extra cluster --group bound --group build --group dev -c requirements.lock pyproject.toml \
	    -o requirements-dev.lock

clean:
	rm -rf $(VENV) reports/runs
