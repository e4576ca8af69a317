# Granary's commands. `make` or `make help` lists them.

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unversioned)
PACKAGES ?= ./...
FUZZTIME ?= 10s
TOOL = go tool -modfile=tools/go.mod

# A static binary that is the same wherever it is built.
export CGO_ENABLED = 0
BUILD = go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)"

.DEFAULT_GOAL := help
.PHONY: help build run test test-race lint fmt fuzz bench cover generate screenshots verify clean

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build bin/granary
	@mkdir -p bin
	$(BUILD) -o bin/granary ./cmd/granary

run: build ## Build, show the whole loop on sample pictures, keep serving
	bin/granary demo

test: build ## Run all tests, on the real engines where they can be had
	scripts/services run $(TOOL) gotestsum --format pkgname-and-test-fails --format-hide-empty-pkg -- -timeout 10m $(PACKAGES)

# The race detector needs cgo.
test-race: build ## Run all tests under the race detector
	CGO_ENABLED=1 scripts/services run $(TOOL) gotestsum --format pkgname-and-test-fails --format-hide-empty-pkg -- -race -timeout 30m $(PACKAGES)

lint: ## Check the code, and the house rules on who may import whom
	go vet $(PACKAGES)
	$(TOOL) golangci-lint run $(PACKAGES)

fmt: ## Format the code
	$(TOOL) gofumpt -w cmd internal

fuzz: ## Fuzz every parser of outside bytes, FUZZTIME each (10s)
	scripts/fuzz $(FUZZTIME)

bench: ## Run the benchmarks six times, in the form that benchstat reads
	go test -run '^$$' -bench . -benchmem -count 6 -timeout 60m $(PACKAGES)

cover: ## Write cover.out and print the coverage of each package
	scripts/services run go test -timeout 15m -coverpkg ./internal/... -coverprofile cover.out $(PACKAGES)
	go tool cover -func cover.out | tail -n 1

generate: ## Write the generated files again
	go generate ./...

screenshots: build ## Take the pictures of the manual again
	BROWSER_TEST_BINARY=$(CURDIR)/bin/granary BROWSER_TEST_SCREENSHOTS=$(CURDIR)/docs/screenshots go test -count=1 ./test/browser

verify: ## Fail when a generated file, go.mod or go.sum is not up to date
	go mod verify
	go mod tidy -diff
	@state() { git status --porcelain; git diff | git hash-object --stdin; }; \
	before=$$(state); $(MAKE) --no-print-directory generate; \
	test "$$before" = "$$(state)" || { git status --short; echo "verify: generated files were out of date; commit them"; exit 1; }

clean: ## Remove what was built
	rm -rf bin cover.out tmp
