# What people type. Everything a target fetches or writes stays under target/ (Debian packages excepted).
# STRICT=1 turns every skipped check into a failure.
CARGO ?= cargo
STRICT ?= 0
export STRICT
SECONDS_PER_TARGET ?= 10

.PHONY: help demo test tools unit tidy deploy-check interop lint deny bench fuzz faults hours-long faults-long

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

bench: ## Benches, with the TCP floor of the same run
	$(CARGO) bench --locked

fuzz: ## Each fuzz target for SECONDS_PER_TARGET seconds (needs cargo-fuzz)
	tests/setup/fuzz.sh $(SECONDS_PER_TARGET)

faults: ## kill -9, disk faults: the short form
	$(CARGO) test --locked --test it -- kill9 stop_race store_down waiting_at_closing

hours-long: ## Every minute 2020-2040 in every zone against an independent computation
	STOPGATE_LONG=1 $(CARGO) test --release --locked -- hours --nocapture

faults-long: ## The faults in their release form
	STOPGATE_LONG=1 $(CARGO) test --release --locked --test it -- kill9 stop_race store_down waiting_at_closing --nocapture
