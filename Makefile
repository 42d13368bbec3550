# stockhold: `make` lists what can be done; `make ci` is what CI runs.

SHELL         := /bin/bash
.SHELLFLAGS   := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# Tools are built from pinned versions (internal/tools) and kept in bin/; a
# changed pin rebuilds them.
BIN      := $(CURDIR)/bin
BUF      := $(BIN)/buf
PLUGINS  := $(BIN)/protoc-gen-go $(BIN)/protoc-gen-connect-go
CHECKER  := $(BIN)/staticcheck
VULNS    := $(BIN)/govulncheck
WITH_BIN := PATH="$(BIN):$$PATH"

# The commit whose protos the present ones must stay compatible with. By default
# the latest one that differs from what is here; `none` leaves the check out.
BREAKING_AGAINST ?=

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  %-16s %s\n", $$1, $$2}'

# --- the program

.PHONY: build
build: ## build bin/stockhold, one static binary
	CGO_ENABLED=0 go build -trimpath -o $(BIN)/stockhold ./cmd/stockhold

.PHONY: run
run: build ## build and serve with the embedded stores
	$(BIN)/stockhold serve

.PHONY: demo
demo: build ## build and run the demonstration
	$(BIN)/stockhold demo

# --- checks

.PHONY: check
check: fmt-check vet proto-lint check-generate staticcheck test ## the checks and tests to run before a commit

# Whether `make vuln` fails where it cannot reach the database of vulnerabilities:
# fail or warn. What it finds fails always.
VULN_UNREACHABLE ?= fail

.PHONY: ci
ci: VULN_UNREACHABLE = warn
ci: check vuln microbench simulate faults twins fuzz soak ## everything CI runs: about half an hour on two cores

.PHONY: deps
deps: ## see that the servers and the C compiler that the tests need are there
	@scripts/deps

.PHONY: test
test: deps ## run all tests, against real servers, with the race detector
	CGO_ENABLED=1 go test -race -pgo=off -timeout 20m ./...

# A failing seed is printed; `go test ./internal/simulation -seed N -v` plays it again.
SEEDS ?= 100000

.PHONY: simulate
simulate: ## play SEEDS seeded schedules of the service on simulated stores
	go test ./internal/simulation -run TestSchedules -seeds $(SEEDS) -timeout 60m -v

# The fault suites use real processes of a binary with crash points in it. Most of
# their time is spent waiting, so two packages run at once; those that measure run
# alone.
.PHONY: faults
faults: deps ## kill, cut off, halt and overload real processes and real stores
	go test -tags faults -count=1 -timeout 30m -p 2 $$(go list -tags faults ./internal/faults/... | grep -v -e /load$$ -e /twins$$ -e /soak$$)
	go test -tags faults -count=1 -timeout 10m ./internal/faults/load -v

.PHONY: twins
twins: deps ## remove each guard in turn, and see that a test notices
	go test -tags faults -count=1 -timeout 30m -v ./internal/faults/twins

# How long each target is fuzzed.
FUZZ ?= 5s

.PHONY: fuzz
fuzz: ## fuzz every fuzz target for FUZZ
	FUZZ=$(FUZZ) scripts/fuzz

SOAK ?= 2m
SEED ?= 1

.PHONY: soak
soak: deps ## a shop's load under random faults for SOAK, drawn from SEED
	go run -tags faults ./internal/faults/soak -for $(SOAK) -seed $(SEED)

# --- measurements

# Which calls the compiler optimises for. The file is committed, `go build` finds it
# by its name, and it need not be quite of the code as it is: take it anew when the
# way of a call has changed (docs/decisions/0012-profile-guided-builds.md).
PROFILE := cmd/stockhold/default.pgo

# Where `make bench` writes benchmarks.md, benchmarks.json and the charts. QUICK=1
# makes it a matter of minutes.
OUT ?= bench-results

# The peers and the client are optimised as the service is.
.PHONY: bench
bench: deps ## measure against what one would otherwise build; OUT=dir, QUICK=1
	go build -pgo=$(PROFILE) -o $(BIN)/bench ./cmd/bench
	$(BIN)/bench --out $(OUT)

.PHONY: profile
profile: deps ## measure where the service's time goes, for the compiler
	go build -pgo=$(PROFILE) -o $(BIN)/bench ./cmd/bench
	folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; \
	$(BIN)/bench --out "$$folder" --pprof --systems stockhold --only try,cycles,refused,batch --callers 128 --seconds 10 --rounds 1; \
	go tool pprof -proto "$$folder"/profiles/*.pprof > "$$folder"/merged; \
	mv "$$folder"/merged $(PROFILE)

ROWS ?= 100000

.PHONY: import-times
import-times: build ## import ROWS rows of stock twice into a server that it starts
	scripts/import-times $(ROWS)

# Once each, so that they keep working; their figures mean nothing then.
.PHONY: microbench
microbench: deps ## run every Go benchmark once
	go test -run '^$$' -bench . -benchtime 1x $$(grep -rl --include='*_test.go' '^func Benchmark' . | xargs dirname | sort -u)

.PHONY: fmt-check
fmt-check: ## see that gofmt has nothing to say
	@unformatted=$$(gofmt -l .); \
	if [[ -n $$unformatted ]]; then echo "gofmt -w these:"; echo "$$unformatted"; exit 1; fi

.PHONY: vet
vet: ## run go vet
	go vet ./...
	go vet -tags faults ./...

.PHONY: staticcheck
staticcheck: $(CHECKER) ## run staticcheck
	$(CHECKER) ./...
	$(CHECKER) -tags faults ./...

.PHONY: vuln
vuln: $(VULNS) ## look for known vulnerabilities in what the program is built from
	scripts/vuln $(VULNS) $(VULN_UNREACHABLE)

# --- protobuf

.PHONY: generate
generate: $(BUF) $(PLUGINS) ## write gen/ from proto/
	$(WITH_BIN) buf format --write
	$(WITH_BIN) buf generate

# Generates beside the tree and compares, so that a file that is missing, left
# over or not added to git shows as well as one that differs.
.PHONY: check-generate
check-generate: $(BUF) $(PLUGINS) ## see that gen/ is what proto/ generates
	@fresh=$$(mktemp -d); trap 'rm -rf "$$fresh"' EXIT; \
	$(WITH_BIN) buf generate --output "$$fresh"; \
	diff --recursive --unified gen "$$fresh/gen" || { echo "gen/ is not what proto/ generates: run make generate"; exit 1; }

.PHONY: proto-lint
proto-lint: $(BUF) ## lint the protos, their format and their compatibility
	$(WITH_BIN) buf lint
	$(WITH_BIN) buf format --diff --exit-code
	$(WITH_BIN) scripts/proto-breaking $(BREAKING_AGAINST)

# Files, not phony: rebuilt when their pins change.
$(BUF): internal/tools/buf/go.mod internal/tools/buf/go.sum
	@echo "building buf (takes a minute or two, once)"
	cd internal/tools/buf && CGO_ENABLED=0 go build -trimpath -o $@ github.com/bufbuild/buf/cmd/buf
	@touch $@

$(BIN)/protoc-gen-go: internal/tools/go.mod internal/tools/go.sum
	cd internal/tools && CGO_ENABLED=0 go build -trimpath -o $@ google.golang.org/protobuf/cmd/protoc-gen-go
	@touch $@

$(BIN)/protoc-gen-connect-go: internal/tools/go.mod internal/tools/go.sum
	cd internal/tools && CGO_ENABLED=0 go build -trimpath -o $@ connectrpc.com/connect/cmd/protoc-gen-connect-go
	@touch $@

$(CHECKER): internal/tools/go.mod internal/tools/go.sum
	cd internal/tools && CGO_ENABLED=0 go build -trimpath -o $@ honnef.co/go/tools/cmd/staticcheck
	@touch $@

$(VULNS): internal/tools/go.mod internal/tools/go.sum
	cd internal/tools && CGO_ENABLED=0 go build -trimpath -o $@ golang.org/x/vuln/cmd/govulncheck
	@touch $@
