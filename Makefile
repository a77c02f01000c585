# What people type. Everything a target fetches or writes stays under target/ (Debian packages excepted).
# STRICT=1 turns every skipped check into a failure.
CARGO ?= cargo
STRICT ?= 0
export STRICT
SECONDS_PER_TARGET ?= 10
PARTS ?=
# The scenarios that report figures, and those of the same kind that have none to report.
FAULTS = $(shell sed '/^\#/d' tests/it/faults.tsv | cut -f2 | sort -u | sed 's/$$/::/') stop_race:: store_down:: waiting_at_closing::

.PHONY: help demo test tools unit tidy deploy-check interop lint deny bench bench-long bench-guard fuzz faults hours-long faults-long

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort

demo: ## Simulated operator, phones, gateway and traffic
	$(CARGO) run --release -- demo

test: ## Install what the tests need, then run all of them (what CI runs)
	tests/setup/tools.sh
	tests/setup/run.sh

tools: ## Install the tools of the tests, nothing else
	tests/setup/tools.sh

unit: ## The Rust tests alone
	$(CARGO) test --locked

tidy: ## House rules: arrows, clocks, names, sizes
	$(CARGO) test --locked --test tidy

deploy-check: ## Unit file, alert rules, dashboard
	tests/deploy/check.sh

interop: ## Real SMPP clients through the real binary
	tests/setup/tools.sh
	tests/interop/run.sh

lint: ## Formatting and clippy, warnings are errors
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings

deny: ## Licences, advisories and sources of the dependencies (needs cargo-deny)
	$(CARGO) deny check

bench: ## Every figure of docs/performance.md, which it writes (PARTS="relay storm": only those; a quiet machine, some 20 minutes)
	CARGO="$(CARGO)" benches/run.sh $(PARTS)

bench-long: ## What needs hours of patience or 10 GB of memory: 100 M suppressed numbers, a longer soak
	CARGO="$(CARGO)" benches/run.sh long

bench-guard: ## Instructions a message against BASE (default: where the branch left main); a tenth more fails (needs valgrind)
	BASE="$(BASE)" $(CARGO) bench --locked --bench guard

fuzz: ## Each fuzz target for SECONDS_PER_TARGET seconds (needs cargo-fuzz)
	tests/setup/fuzz.sh $(SECONDS_PER_TARGET)

faults: ## The faults of docs/reliability.md in their short form, as in CI
	$(CARGO) test --locked --test it -- $(FAULTS)

hours-long: ## Every minute 2020-2040 in every zone against an independent computation
	STOPGATE_LONG=1 $(CARGO) test --release --locked -- hours --nocapture

faults-long: ## The faults in their release form, one after the other; then writes docs/reliability.md
	rm -rf target/reliability
	STOPGATE_LONG=1 $(CARGO) test --release --locked --test it -- $(FAULTS) --nocapture --test-threads=1
	UPDATE_DOCS=1 $(CARGO) test --release --locked --test pages -- reliability
