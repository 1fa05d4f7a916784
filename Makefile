# One surface of commands; what they do lies in scripts/ and in `cargo xtask`.
# Nothing here is needed to build: `cargo build` works alone once scripts/setup was content.

.DEFAULT_GOAL := help
.PHONY: help setup demo test check fmt bench size timings

CARGO ?= cargo
BENCH_DATA ?= data/bench
BENCH_RECIPIENTS ?= 1000000
ENGINE ?= sqlite
ON_ENGINE = $(if $(filter postgres,$(ENGINE)),env HONGYAN_POSTGRES_DURABLE=1 ./scripts/postgres with)

help: ## Say what can be made
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup: ## Install what a fresh Debian 12 lacks to build
	@./scripts/setup

demo: setup ## Build Hongyan and watch it send 10,000 messages to a simulated carrier (ENGINE=postgres: on a throw-away server)
	@$(if $(filter postgres,$(ENGINE)),./scripts/setup --tests)
	@$(CARGO) build --release --package app --bin hongyan
	@exec $(ON_ENGINE) "$${CARGO_TARGET_DIR:-target}/release/hongyan" demo

test: ## Run every check and every test
	@./scripts/setup --tests
	@./scripts/test

check: setup ## Format, lints and tidy, without tests
	@./scripts/check

fmt: ## Format the sources
	@$(CARGO) fmt --all

bench: setup ## Measure a campaign of BENCH_RECIPIENTS in BENCH_DATA (ENGINE=postgres: on a throw-away server that keeps what it says)
	@$(if $(filter postgres,$(ENGINE)),./scripts/setup --tests)
	@$(CARGO) build --release --package app --bin hongyan
	@exec $(ON_ENGINE) "$${CARGO_TARGET_DIR:-target}/release/hongyan" bench campaign --engine $(ENGINE) \
		--recipients $(BENCH_RECIPIENTS) --json --data "$(BENCH_DATA)"

size: setup ## Build the release program and say how large it is
	@./scripts/size

timings: setup ## Time a release build (the report lies in target/cargo-timings)
	@$(CARGO) build --release --timings
