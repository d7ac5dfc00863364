# make demo and make test need Python 3.11, make and git; each makes the environment it needs.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
TESTED := .venv/tested
MINIO := RELEASE.2025-10-15T17-29-55Z
VERSITYGW := v1.8.0

# Dozens of processes import the same modules: what one has compiled is there for the others.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo minio versitygw up down test test-fast lint names docs faults bench clean

help:
	@echo "make demo   digits with 5 % wrong labels: six runs, a table, a picture"
	@echo "make up     an S3 store and an MLflow server; make down stops them"
	@echo "make minio, make versitygw   build a store with Go; without Go: make up UP='--store seaweedfs'"
	@echo "make test   the test suite        make lint   ruff, mypy, import rules"
	@echo "make test-fast   its first layer: no process, no training, no server"
	@echo "make faults kills, outages, damage, on real servers: docs/faults.md"
	@echo "make names  after a new score or summary: the page of names, the values of definitions"
	@echo "make docs   the documentation as a site: build/site"
	@echo "make bench  the benchmarks        make .venv  the environment alone"

.venv: $(READY)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "memest needs Python 3.11 or newer: make PYTHON=python3.11 …")'
	@echo "make: installing PyTorch, MLflow and what else constraints.txt pins into .venv: about 7 GB with CUDA, once, some minutes"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
	@if [ ! -t 2 ]; then quiet=--quiet; \
	while sleep 10 > /dev/null 2>&1; do echo "make: still installing, .venv holds $$(du -sh .venv | cut -f1) so far"; done & \
	trap "kill $$!" EXIT; fi; \
	$(BIN)/uv pip install $$quiet --compile-bytecode --python $(BIN)/python --constraint constraints.txt --editable '.[platform,dev]'
	@touch $(READY)

# The frameworks that only the tests of the integrations need; the demo does without.
$(TESTED): $(READY)
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --constraint constraints.txt --editable '.[platform,dev,frameworks]'
	touch $(TESTED)

demo: $(READY)
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/memest demo

# MinIO's community edition comes as source only. `up` never compiles: it uses what is there.
minio:
	@mkdir -p .memest/bin
	@GOBIN="$(CURDIR)/.memest/bin" go install github.com/minio/minio@$(MINIO) \
	|| { echo "make minio: MinIO $(MINIO) was not built (it needs Go 1.24 or newer, and the network);" \
	"put a minio on the PATH, or use the other store: $(BIN)/memest services up --store seaweedfs" >&2; exit 1; }
	@echo "built: .memest/bin/minio"

versitygw:
	@mkdir -p .memest/bin
	@GOBIN="$(CURDIR)/.memest/bin" go install github.com/versity/versitygw/cmd/versitygw@$(VERSITYGW) \
	|| { echo "make versitygw: $(VERSITYGW) was not built (it needs Go 1.25 or newer, and the network);" \
	"put a versitygw on the PATH, or use the other store: $(BIN)/memest services up --store seaweedfs" >&2; exit 1; }
	@echo "built: .memest/bin/versitygw"

up: $(READY)
	@PATH="$(CURDIR)/$(BIN):$$PATH" memest services up $(UP)

down: $(READY)
	@PATH="$(CURDIR)/$(BIN):$$PATH" memest services down

test: $(TESTED)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -n 3 --dist worksteal

test-fast: $(READY)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -n 2 --dist worksteal tests/unit

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

faults: $(READY)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m faults $(FAULTS)

names: $(READY)
	$(BIN)/python docs/make_names.py
	PYTHONPATH=.:tests $(BIN)/python tests/unit/test_definitions.py

docs: $(READY)
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11, 5) and "make docs: zensical needs Python 3.11.5 or newer, and .venv has %d.%d.%d: remove .venv, then make docs PYTHON=python3.12" % sys.version_info[:3])'
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable '.[docs]'
	$(BIN)/python docs/make_names.py
	$(BIN)/zensical build --strict

bench: $(TESTED)
	$(BIN)/python -m benchmarks

clean:
	rm -rf .venv .memest .mypy_cache .ruff_cache .pytest_cache
