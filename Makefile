# Two commands: `make run` and `make test`. Nothing before them but Rust, Node and apt.

ISOMER_DEMO ?= 1
export ISOMER_DEMO

.PHONY: help run canvas test fuzz bench fmt lint clean

help:
	@echo "make run    build and start the server here, with two built-in agents (ISOMER_DEMO=0: none)"
	@echo "make canvas build the page, if its sources changed (make run and make test do it, too)"
	@echo "make test   install what is missing, start private servers, run every test, stop them"
	@echo "make fuzz   search the sealed formats for findings, 15 s a target (scripts/fuzz SECONDS: longer)"
	@echo "make bench  measure heartbeats against a bare handler, on PostgreSQL and Redis"
	@echo "            (BENCH=secrets: secrets in format 3 against format 1, and under KMS;"
	@echo "            BENCH=proxy: messages against a direct call and against nginx;"
	@echo "            BENCH=queue: messages kept against a row and a commit each)"
	@echo "make lint   formatting, clippy, licences and advisories"

run: canvas
	@cargo build --profile laptop --bin isomer
	@exec target/laptop/isomer serve

canvas:
	@scripts/canvas

test:
	@scripts/test

fuzz:
	@scripts/fuzz

bench:
	@scripts/bench $(BENCH)

fmt:
	@cargo fmt --all

lint:
	@scripts/lint

clean:
	@rm -rf target fuzz/target .cache
