# All that people and CI do with this tree. `make` lists the targets; each sets up what it needs.

# Debian's own where it is new enough: compiled with profiles, it runs Byname a tenth faster than one without (measured).
PYTHON ?= $(shell /usr/bin/python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo /usr/bin/python3 || echo python3)
ROLE ?= inbound
CONFIG ?=
ARGS ?=

BIN := .venv/bin
STAMP := .venv/.installed
AXE := .venv/npm/node_modules/axe-core/axe.min.js
PACKAGES := admin_api bench byname conf edges milter/byname_milter routing store

.NOTPARALLEL:
.PHONY: help demo test faults check fmt bench fuzz fuzz-api fuzz-mail soak kills mutants run lock sbom audit wheel deb test-deb clean packages-demo packages-many packages-webmail packages-test packages-bench packages-deb packages-check

# $(call as_root,COMMAND): Postfix starts as root only, so sudo is used where it may be, else the line to run is shown.
define as_root
@set -- $(1); \
if [ "$$(id -u)" -eq 0 ]; then exec "$$@"; \
elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || { [ -t 0 ] && sudo -v; }; }; \
then exec sudo PYTHONDONTWRITEBYTECODE=1 "$$@"; \
else echo "Postfix needs root to start. Run: sudo $$*" >&2; exit 1; fi
endef

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: packages-$(or $(patsubst --%,%,$(filter --webmail --many,$(ARGS))),demo) $(STAMP) ## a whole mail system on loopback, with sample mails (ARGS=--once: judge them and end; --many: machines that die)
	$(call as_root,$(BIN)/byname demo $(ARGS))

# Four at once on two cores: a good part of the time is spent waiting for servers.
test: packages-test $(STAMP) $(AXE) ## all tests and the coverage of routing/ (ARGS="PATH -k WORD": only those, no coverage)
ifeq ($(strip $(ARGS)),)
	@$(BIN)/python -m compileall -q $(PACKAGES) # root's tests write no bytecode, and start some hundred processes
	@# Meanwhile, on the other processor: pytest's compiled form of the other tests, which each worker would make anew.
	@env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest -qq --collect-only --ignore=tests/unit >/dev/null 2>&1 & \
	$(BIN)/coverage run -m pytest tests/unit; code=$$?; wait; exit $$code
	$(BIN)/coverage report
	$(call as_root,$(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder --ignore=tests/unit)
else
	$(BIN)/python -m pytest $(ARGS)
endif

faults: packages-test $(STAMP) ## mail through every fault, three times (ARGS="-k NAME": one of docs/reliability.md)
	$(call as_root,$(BIN)/python -m pytest tests/faults --all-faults --rounds 3 $(ARGS))

check: packages-check $(STAMP) ## style, types, import rules, locks, shell syntax, what the systemd units allow
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/unit/test_requirements.py
	packaging/check

fmt: $(STAMP) ## format the code and mend what can be mended by itself
	$(BIN)/ruff check --fix --exit-zero
	$(BIN)/ruff format

bench: packages-bench $(STAMP) ## benchmarks (ARGS="mta milter": only those; --help lists them; --write-page: the page)
	$(call as_root,$(BIN)/python -m bench $(ARGS))

fuzz: $(STAMP) ## look for a From that passes and shows a foreign address (ARGS="--seconds 600 --seed N")
	$(BIN)/python -m tests.unit.from_fuzzer $(ARGS)

fuzz-api: packages-test $(STAMP) ## made-up requests against the API (ARGS="--requests 20000 --seed N --postgresql")
	$(BIN)/python -m tests.api.fuzzer $(ARGS)

fuzz-mail: packages-test $(STAMP) ## made-up mail against milters and Postfix (ARGS="--sessions 500000 --mails 5000 --seed N")
	$(call as_root,$(BIN)/python -m tests.mail.fuzz $(ARGS))

soak: packages-test $(STAMP) ## an hour of mail with a fault each minute, two of everything (ARGS="--minutes 10 --json")
	$(call as_root,$(BIN)/python -m tests.faults.soak $(ARGS))

kills: packages-test $(STAMP) ## the Message API killed 40 times with 200 messages under way (KILLS=N)
	$(call as_root,env BYNAME_KILLS=$(or $(KILLS),40) $(BIN)/python -m pytest -q -s tests/mail/test_messages_killed.py $(ARGS))

mutants: $(STAMP) ## make small mistakes in the sender guard and see whether the tests notice (ARGS=--show: the rest)
	$(BIN)/python -m bench.mutants $(ARGS)

run: $(STAMP) ## one milter from the tree (ROLE=inbound|submission CONFIG=FILE)
	$(BIN)/byname $(if $(CONFIG),--config $(CONFIG)) milter --role $(ROLE) $(ARGS)

lock: ## write requirements*.txt anew after a change in pyproject.toml (ARGS=--upgrade: with the newest versions)
	$(PYTHON) -m venv .venv/uv
	.venv/uv/bin/python -m pip install --quiet --disable-pip-version-check uv
	$(LOCK) pyproject.toml --output-file requirements.txt $(ARGS)
	$(LOCK) --group dev --constraint requirements.txt --output-file requirements-dev.txt $(ARGS)

LOCK = .venv/uv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate

# Tools of their own, each in a virtual environment of its own: they would bring dozens of packages into ours.
sbom: $(STAMP) ## a bill of materials of the locks, CycloneDX, into dist/
	@mkdir -p dist
	$(PYTHON) -m venv .venv/sbom
	.venv/sbom/bin/python -m pip install --quiet --disable-pip-version-check cyclonedx-bom
	$(SBOM) --output-file dist/byname.cdx.json requirements.txt
	$(SBOM) --output-file dist/byname-dev.cdx.json requirements-dev.txt

SBOM = PYTHONWARNINGS=ignore .venv/sbom/bin/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible --output-format JSON

audit: $(STAMP) ## known holes in the packages of the locks (VULNERABILITIES=OSV's all.zip, a folder, or a URL of its API)
	$(PYTHON) -m venv .venv/audit
	.venv/audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit
	VULNERABILITIES="$(VULNERABILITIES)" $(BIN)/python -m bench.audit .venv/audit/bin/pip-audit

# Of the time of the commit, so that two builds of one commit are the same, byte for byte.
wheel: $(STAMP) ## the wheel, into dist/
	SOURCE_DATE_EPOCH=$(or $(SOURCE_DATE_EPOCH),$(shell git log -1 --format=%ct 2>/dev/null || echo 0)) \
		$(BIN)/python -m hatchling build --target wheel --directory dist

deb: packages-deb $(STAMP) ## the Debian package, into dist/ (DEB_VERSION=... SUITE=... MIRROR=...: see packaging/build-deb)
	$(call as_root,env PYTHON=$(PYTHON) $(foreach name,DEB_VERSION SUITE MIRROR,$(if $($(name)),$(name)=$($(name)))) packaging/build-deb)

test-deb: packages-deb $(STAMP) ## the package in a machine that boots, docs/install.md line by line (PREVIOUS=OLD.deb: upgraded from)
	$(call as_root,env PYTHON=$(PYTHON) packaging/test-deb $(if $(PREVIOUS),--previous-deb=$(PREVIOUS)) $(ARGS))

clean: ## remove what make has built
	rm -rf .deb .venv .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache dist mutants
	find . -name __pycache__ -prune -exec rm -rf {} +

packages-demo:
	@./bootstrap.sh demo

packages-many:
	@./bootstrap.sh many

packages-webmail:
	@./bootstrap.sh webmail

packages-test:
	@./bootstrap.sh test

packages-bench:
	@./bootstrap.sh bench

packages-deb:
	@./bootstrap.sh deb

# A person who may not install them is told by packaging/check what is not looked at; CI must have them.
packages-check:
	@./bootstrap.sh check $(if $(CI),,|| true)

# What looks for barriers in the dashboard's pages. It is only read by the tests, so none of its scripts runs here.
$(AXE):
	@echo "installing axe-core into .venv/npm"
	@npm install --prefix .venv/npm --no-save --no-package-lock --ignore-scripts --no-audit --no-fund --silent axe-core@4

$(STAMP): requirements.txt requirements-dev.txt pyproject.toml
	@./bootstrap.sh build
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=...")'
	@echo "installing the Python packages of requirements.txt and requirements-dev.txt into .venv"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --use-pep517 --require-hashes \
		-r requirements.txt -r requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
