# Every target does its own set-up, once; a second call goes straight to the work.

.DEFAULT_GOAL := help
.PHONY: help demo test test-all lint

BIN := .venv/bin
READY := .venv/ready

# How many test processes; each computes on one thread, so that two do not fight for a core.
# numba, with which napari colours masks, would else set torch's threads to all cores.
WORKERS ?= 2

ifneq ($(DISPLAY)$(WAYLAND_DISPLAY)$(filter Darwin,$(shell uname)),)
DEMO_EXTRA := napari
else
DEMO_EXTRA := base
endif

ifndef MAMBASEG_TEST_DATA
ifneq ($(wildcard ../shared/.),)
export MAMBASEG_TEST_DATA := $(shell cd ../shared && pwd)
endif
endif

# Software rendering is the same everywhere, and all that their virtual displays have.
PYTEST = OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 LIBGL_ALWAYS_SOFTWARE=1 \
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

help: ## say what each target does
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 16

demo: $(READY)/$(DEMO_EXTRA) ## segment the sample clip, into demo-output/ (and show it, where there is a display)
	$(BIN)/mambaseg demo -o demo-output

test: $(READY)/dev $(READY)/system ## run the tests, but for the long ones (under 12 minutes)
	$(PYTEST) -m "not slow"

test-all: test ## run the tests, then the long ones, then the panels' with the other Qt binding
	$(PYTEST) -m slow
	QT_API=pyside6 PYTEST_QT_API=pyside6 $(PYTEST) -m "not slow" tests/plugin
	QT_API=pyside6 PYTEST_QT_API=pyside6 $(PYTEST) tests/plugin/test_story.py

lint: $(READY)/dev ## check style, types, import floors and the napari manifest
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy --strict
	$(BIN)/lint-imports
	$(BIN)/npe2 validate --imports src/mambaseg/plugin/napari.yaml

# A file in .venv/ready stands for what has been installed. The larger sets hold the smaller.

INSTALL = $(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e

$(READY)/venv:
	scripts/make_venv.sh .venv
	@mkdir -p $(READY) && touch $@

$(READY)/base: $(READY)/venv pyproject.toml constraints.txt
	@echo "Installing mambaseg into .venv; this takes a few minutes."
	$(INSTALL) .
	@touch $@

$(READY)/napari: $(READY)/venv pyproject.toml constraints.txt
	@echo "Installing mambaseg and napari into .venv; this takes a few minutes."
	$(INSTALL) '.[napari]'
	@touch $@ $(READY)/base

$(READY)/dev: $(READY)/venv pyproject.toml constraints.txt
	@echo "Installing mambaseg, napari and the tools of its checks into .venv; this takes a few minutes."
	$(INSTALL) '.[dev,napari]'
	@touch $@ $(READY)/base $(READY)/napari

# Always asked again: it costs milliseconds, and a library can go without a trace in .venv.
.PHONY: $(READY)/system
$(READY)/system:
	@scripts/system_libraries.sh
