# Waverider. `make help` lists what there is.
.DEFAULT_GOAL := help
SHELL := /bin/bash

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
SCRAMJET := runner/js/vendor/scramjet.js

.PHONY: help build demo test check fmt lint race js py e2e fuzz bench faults cross clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

# What has changed is for go to find: the binary embeds more than Go files.
build: $(SCRAMJET) ## bin/waverider, with the scramjet library bundled where npm is there
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/waverider ./cmd/waverider

# Programs that use scramjet's stream methods need this bundle. Without npm the
# Hub is built without it and `waverider doctor` says so.
$(SCRAMJET): runner/js/package.json runner/js/package-lock.json
	@if command -v npm >/dev/null; then cd runner/js && npm ci --no-audit --no-fund --loglevel=error && npm run --silent build; \
	else echo "npm not found: building without the scramjet library" >&2; fi

demo: build ## a Space and two Hubs on live figures of this machine; a key cuts the Link
	./bin/waverider demo

test: build check js py e2e ## everything CI runs, the short fault set included
	go run ./faults -short -binary bin/waverider
	go run ./faults -short -binary bin/waverider -language python3 -only '^(hub|churn|keeper|both|runner|crash|topic-(pipe|slot|both))$$'

check: fmt lint race ## format, vet, lint, import arrows, race tests

fmt:
	@out=$$(gofmt -l .); test -z "$$out" || { echo "run gofmt -w on:"; echo "$$out"; exit 1; }

lint:
	go vet ./...
	go run $(STATICCHECK) ./...
	GOOS=darwin GOARCH=arm64 go vet ./cmd/... ./cli/... ./hub/... ./runtime/...

race:
	go test -race $$(go list ./... | grep -v /e2e)

js: $(SCRAMJET) ## tests of the Node runner
	cd runner/js && node --test

py: ## tests of the Python runner, with python3 and those that WAVERIDER_PYTHONS lists
	@cd runner/py/test && for python in $${WAVERIDER_PYTHONS//:/ } python3; do \
	  $$python -V && PYTHONDONTWRITEBYTECODE=1 $$python -m unittest -q || exit 1; done

e2e: build ## the built program, driven from outside
	cd e2e/compat && npm ci --no-audit --no-fund --loglevel=error
	WAVERIDER_BIN=$(CURDIR)/bin/waverider go test -timeout 20m ./e2e/...

fuzz: ## every fuzz target for 30 s
	@for p in $$(go list ./...); do for f in $$(go test -list '^Fuzz' $$p | grep ^Fuzz); do \
	  echo "$$p $$f"; go test -run '^$$' -fuzz "^$$f$$" -fuzztime 30s -fuzzminimizetime 10x $$p || exit 1; done; done

bench: build ## every figure with its limit measured in the same run
	go run ./bench -binary bin/waverider

faults: build ## the long fault set: kill -9, full disk, dead keeper
	go run ./faults -binary bin/waverider
	go run ./faults -binary bin/waverider -language python3 -only '^(hub|churn|upgrade|exit|keeper|both|runner|crash|topic-(pipe|slot|both))$$'

cross: $(SCRAMJET) ## builds for every platform we ship
	@for t in linux/amd64 linux/arm64 linux/arm darwin/arm64 darwin/amd64; do echo $$t; \
	  CGO_ENABLED=0 GOOS=$${t%/*} GOARCH=$${t#*/} go build -trimpath -ldflags '$(LDFLAGS)' -o dist/waverider-$${t%/*}-$${t#*/} ./cmd/waverider || exit 1; done

clean: ## removes what was built
	rm -rf bin dist runner/js/vendor runner/js/node_modules e2e/compat/node_modules examples/node_modules examples/*/dist
