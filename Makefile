# Two commands: `make run` and `make test`. Nothing before them but Rust, Node and apt.

ISOMER_DEMO ?= 1
export ISOMER_DEMO

.PHONY: help run test bench fmt lint clean

help:
	@echo "make run    build and start the server here, with two built-in agents (ISOMER_DEMO=0: none)"
	@echo "make test   install what is missing, start private servers, run every test, stop them"
	@echo "make bench  measure heartbeats against a bare handler, on PostgreSQL and Redis"
	@echo "            (BENCH=secrets: secrets in format 3 against format 1, and under KMS)"
	@echo "make lint   formatting, clippy, licences and advisories"

run:
	@cargo build --profile laptop --bin isomer
	@exec target/laptop/isomer serve

test:
	@scripts/test

bench:
	@scripts/bench $(BENCH)

fmt:
	@cargo fmt --all

lint:
	@scripts/lint

clean:
	@rm -rf target .cache
