# Everything that a fresh machine needs beside cargo, python3 with pip, make and git is put into .local/,
# or installed from the system's packages where a step says so. Every target may be called again.

LOCAL := $(CURDIR)/.local
PYTHON ?= python3
CARGO ?= cargo
# Cargo.lock is part of the source: a build that would change it fails.
CARGO_FLAGS ?= --locked
FUZZ_SECONDS ?= 60
# GPU=1 takes ONNX Runtime with the CUDA and TensorRT providers.
GPU ?=
BUF_VERSION := 1.75.0

TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
ORT_VERSION := $(shell sed -n 's/^onnxruntime==\([^ ]*\).*/\1/p' deploy/onnxruntime/requirements.txt)
ORT_SUFFIX := $(if $(filter Darwin,$(shell uname -s)),dylib,so)
export ORT_DYLIB_PATH ?= $(LOCAL)/onnxruntime/$(ORT_VERSION)$(if $(GPU),-gpu)/lib/libonnxruntime.$(ORT_SUFFIX)

TEST_PYTHON := $(LOCAL)/python/bin/python
# Asked for when it is needed: a target before it may have installed it.
PROMTOOL = $(or $(shell command -v promtool),$(LOCAL)/prometheus/usr/bin/promtool)
BUF := $(LOCAL)/buf-$(BUF_VERSION)/node_modules/.bin/buf
# The sanitizer's options are unstable; this lets the stable toolchain take them.
FUZZ := RUSTC_BOOTSTRAP=1 $(CARGO) fuzz
SUDO := $(if $(filter-out 0,$(shell id -u)),sudo)

say = @printf '==> %s\n' '$(1)'

.NOTPARALLEL:
.PHONY: help demo test lint format clippy proto-lint bench fuzz runtime redis python promtool clean
.DEFAULT_GOAL := help

help: ## lists the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{ printf "  make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: runtime redis ## builds both services and shows them at work; DEMO_SECONDS=n stops by itself
	$(call say,building the services)
	@$(CARGO) build --release $(CARGO_FLAGS) -p metrics-svc -p detector-svc -p vision-tests --bins
	$(call say,starting the demo$(if $(DEMO_SECONDS), for $(DEMO_SECONDS) s,, Ctrl-C stops it))
	@exec $(TARGET_DIR)/release/vision-demo

test: runtime redis python promtool lint ## checks formatting, lints and wire contracts, then runs every test
	$(call say,running the tests)
	@VISION_TEST_PYTHON='$(TEST_PYTHON)' VISION_TEST_PROMTOOL='$(PROMTOOL)' \
		$(CARGO) test --workspace $(CARGO_FLAGS)
	$(call say,all checks and tests passed)

lint: format clippy proto-lint ## checks formatting, lints and wire contracts

format:
	$(call say,checking the formatting)
	@$(CARGO) fmt --all --check
	@$(CARGO) fmt --manifest-path tests/fuzz/Cargo.toml --check

clippy:
	$(call say,running clippy)
	@$(CARGO) clippy --workspace --all-targets $(CARGO_FLAGS) -- -D warnings

proto-lint: $(if $(shell command -v npm),$(BUF))
ifneq ($(shell command -v npm),)
	$(call say,checking the wire contracts with buf)
	@$(BUF) lint proto
else
	$(call say,skipping buf lint of the wire contracts: npm is not installed)
endif

$(BUF):
	$(call say,installing buf $(BUF_VERSION) into .local)
	@npm install --prefix $(LOCAL)/buf-$(BUF_VERSION) --no-audit --no-fund --loglevel=error \
		@bufbuild/buf@$(BUF_VERSION) >/dev/null

bench: runtime redis python ## runs every benchmark
	$(call say,building the services)
	@$(CARGO) build --release $(CARGO_FLAGS) -p metrics-svc -p detector-svc --bins
	$(call say,running the benchmarks)
	@VISION_TEST_PYTHON='$(TEST_PYTHON)' $(CARGO) bench --workspace --benches $(CARGO_FLAGS)

fuzz: ## runs each fuzz target for FUZZ_SECONDS (60); needs cargo-fuzz and a C++ compiler
	@command -v cargo-fuzz >/dev/null || { echo 'cargo-fuzz is missing: cargo install cargo-fuzz' >&2; exit 1; }
	@cp Cargo.lock tests/fuzz/Cargo.lock
	@set -e; for target in $$($(FUZZ) list --fuzz-dir tests/fuzz); do \
		printf '==> fuzzing %s for %s s\n' $$target $(FUZZ_SECONDS); \
		mkdir -p tests/fuzz/corpus/$$target; \
		$(FUZZ) run --fuzz-dir tests/fuzz $$target tests/fuzz/corpus/$$target \
			$$(ls -d tests/fuzz/seeds/$$target 2>/dev/null) -- \
			-max_total_time=$(FUZZ_SECONDS) -timeout=10 -malloc_limit_mb=256; \
	done

runtime: ## installs ONNX Runtime into .local/onnxruntime; GPU=1 with CUDA and TensorRT
	@$(PYTHON) deploy/onnxruntime/install.py $(if $(GPU),--gpu)

redis: ## installs redis-server from the system's packages when there is none
	@if command -v redis-server >/dev/null; then \
		echo "Redis: using $$(command -v redis-server)"; \
	elif command -v apt-get >/dev/null; then \
		echo 'Redis: installing the package redis-server with apt-get'; \
		$(SUDO) apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -qq --no-install-recommends redis-server >/dev/null; \
	elif command -v dnf >/dev/null; then \
		echo 'Redis: installing the package redis with dnf'; \
		$(SUDO) dnf install -q -y redis; \
	elif command -v brew >/dev/null; then \
		echo 'Redis: installing redis with brew'; \
		brew install --quiet redis; \
	else \
		echo 'Redis: found neither redis-server nor apt-get, dnf or brew; install redis-server' >&2; exit 1; \
	fi

python: $(LOCAL)/python/.installed ## installs the reference programs' packages into .local/python

# The packages come through the pip of $(PYTHON), so that no ensurepip is needed: Debian has it in a package apart.
$(LOCAL)/python/.installed: tests/python/requirements.txt
	$(call say,installing the packages of tests/python/requirements.txt into .local/python)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed; set PYTHON")'
	@rm -rf $(LOCAL)/python
	@$(PYTHON) -m venv --without-pip $(LOCAL)/python
	@$(PYTHON) -m pip --python $(TEST_PYTHON) install --quiet --disable-pip-version-check --only-binary=:all: -r $<
	@touch $@

promtool: ## unpacks promtool into .local/prometheus when there is none
	@if command -v $(PROMTOOL) >/dev/null; then \
		echo "promtool: using $(PROMTOOL)"; \
	elif command -v apt-get >/dev/null; then \
		echo 'promtool: unpacking the package prometheus into .local/prometheus'; \
		rm -rf $(LOCAL)/prometheus.new && mkdir -p $(LOCAL)/prometheus.new && cd $(LOCAL)/prometheus.new && \
		{ apt-get download -qq prometheus 2>/dev/null || \
			{ $(SUDO) apt-get update -qq && apt-get download -qq prometheus 2>/dev/null; }; } && \
		dpkg -x prometheus_*.deb . && rm -f prometheus_*.deb && \
		rm -rf $(LOCAL)/prometheus && mv $(LOCAL)/prometheus.new $(LOCAL)/prometheus; \
	elif command -v brew >/dev/null; then \
		echo 'promtool: installing prometheus with brew'; \
		brew install --quiet prometheus; \
	else \
		echo 'promtool: found neither promtool nor apt-get or brew; install Prometheus' >&2; exit 1; \
	fi

clean: ## removes what was built and what was put into .local
	$(call say,removing $(TARGET_DIR) and .local)
	@$(CARGO) clean --quiet
	@rm -rf $(LOCAL) tests/fuzz/target
