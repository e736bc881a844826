# Aftercare. `make help` lists what there is; `make run` and `make test` are the two to know.

GO       ?= go
MODULES  := services activities workflows gateway deploy
TOOLS    := $(CURDIR)/.tools/bin
BIN      := $(CURDIR)/bin
DIST     := $(CURDIR)/dist

# Everything is built without cgo: a machine with Go and make has all it takes.
export CGO_ENABLED ?= 0
# Nothing reads the version control's stamp, and a checkout of another owner could not be built with it.
export GOFLAGS += -buildvcs=false

OAPI_CODEGEN_VERSION  := v2.8.2
GOLANGCI_LINT_VERSION := v2.15.0
WORKFLOWCHECK_VERSION := v0.6.0
HELM_VERSION          := v4.3.1
GITLEAKS_VERSION      := v8.30.1
GOVULNCHECK_VERSION   := v1.1.4

.DEFAULT_GOAL := help
.PHONY: help run test helm-test race demo replay token build lint workflowcheck standalone-modules generate check-generated tidy check-tidy release-archive clean images image-archives cluster-test chaos bench bench-quick model fuzz scan

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build ## build and start everything in one process; Ctrl-C stops it, data stays under var/
	@$(BIN)/aftercare run

demo: build ## one return told step by step, from the request to the money paid
	@$(BIN)/aftercare demo

replay: build ## DATA=<file.csv.gz> [LIMIT=<n>]: a shop's export as orders and returns, to the last penny
	@$(BIN)/aftercare replay --data "$(DATA)" --limit "$(or $(LIMIT),0)"

token: build ## [ROLE=storefront] [MERCHANT=demo] [SUBJECT=…]: a token for the local system
	@$(BIN)/aftercare token --role "$(or $(ROLE),storefront)" --merchant "$(or $(MERCHANT),demo)" --subject "$(SUBJECT)"

build: ## build the single binary
	@test -x $(BIN)/aftercare || echo "Building. The first build takes some minutes, because a Temporal server is in it; later ones take seconds." >&2
	@mkdir -p $(BIN)
	@cd deploy && $(GO) build -ldflags="-s -w" -o $(BIN)/aftercare ./cmd/aftercare

images: ## [VERSION=…] [ENGINE=docker|buildah] [ONLY=order,…]: an image of each program, in the engine that is there
	@$(call build-images,--load --engine "$(ENGINE)")

image-archives: ## [OUT=dist/images] [ARCH=arm64] …: the same as archives, without an engine
	@$(call build-images,--archives "$(abspath $(or $(OUT),dist/images))")

test: helm-test ## every test; a MySQL-family server is found, started or installed by itself
	@$(call gotest,$(MODULES))

# Helm and Kubernetes want other versions of what the workspace shares, so that this module stays out of it.
helm-test: ## the charts: rendered by Helm 3 and 4, and checked
	@m=helm; export GOWORK=off; cd helm && $(verdict)

# An embedded Temporal server takes long to compile with the race detector, and is not ours: deploy is left out.
race: export CGO_ENABLED = 1
race: ## the tests of all modules but deploy, with the race detector (needs a C compiler)
	@$(call gotest,$(filter-out deploy,$(MODULES)),-race)

# Not part of `make test`: it needs a cluster.
cluster-test: $(TOOLS)/helm-$(HELM_VERSION) ## KUBECONFIG=… CLUSTER_HOST=… CLUSTER_LOAD="…" [SEED=n]: the chart, proven on a cluster
	@for v in a b; do $(MAKE) --no-print-directory image-archives VERSION=cluster-$$v OUT=$(DIST)/cluster/cluster-$$v || exit 1; done
	@cd deploy && $(GO) run ./cmd/clustertest --host "$(CLUSTER_HOST)" --load "$(CLUSTER_LOAD)" --images $(DIST)/cluster \
		--from cluster-a --to cluster-b --charts ../helm --helm $< $(if $(SEED),--seed $(SEED))

# Not part of `make test`, which has the short form of it.
chaos: ## [SEED=n] [MINUTES=60] [POINTS=none|sample|all]: a house is broken on purpose, and audited
	@mkdir -p $(BIN) && cd deploy && $(GO) build -o $(BIN)/chaos ./cmd/chaos && \
		$(BIN)/chaos --seed "$(or $(SEED),0)" --minutes "$(or $(MINUTES),60)" --points "$(or $(POINTS),none)"

bench: ## [SEED=1] [ARGS="--setup=embedded …"]: the product beside its no-op twin; more than an hour
	@$(call benchmark)

bench-quick: ## [SEED=1] [ARGS=…]: the short form of it, less than five minutes
	@$(call benchmark,--quick)

model: ## [CASES=5100]: random returns held against the rules, without the race detector
	@cd workflows && $(GO) test ./returns -run '^TestWhateverHappens' -count 1 -timeout 20m -rapid.checks=$$(( ($(or $(CASES),5100) + 2) / 3 ))

fuzz: ## [TIME=20s]: every decoder that faces the outside, with input that nobody thought of
	@.ci/fuzz "$(or $(TIME),20s)" services gateway workflows

scan: $(TOOLS)/gitleaks-$(GITLEAKS_VERSION) $(TOOLS)/govulncheck-$(GOVULNCHECK_VERSION) ## [GOVULNDB=…]: secrets in the history, dependencies
	@.ci/scan $^ $(MODULES)

lint: $(TOOLS)/golangci-lint-$(GOLANGCI_LINT_VERSION) ## golangci-lint in every module
	@for m in $(MODULES); do echo "lint $$m"; (cd $$m && $< run ./...) || exit 1; done
	@echo "lint helm"; cd helm && GOWORK=off $< run ./...

workflowcheck: $(TOOLS)/workflowcheck-$(WORKFLOWCHECK_VERSION) ## workflow code is deterministic
	@cd workflows && $< ./...

standalone-modules: ## every module builds without the workspace
	@for m in $(MODULES); do echo "build $$m alone"; (cd $$m && GOWORK=off $(GO) build ./...) || exit 1; done

generate: $(TOOLS)/oapi-codegen-$(OAPI_CODEGEN_VERSION) ## servers and clients from the OpenAPI files
	@mkdir -p $(TOOLS)/path && ln -sf $< $(TOOLS)/path/oapi-codegen
	@for m in services gateway; do (cd $$m && PATH="$(TOOLS)/path:$$PATH" $(GO) generate ./...) || exit 1; done

check-generated: generate ## generated code is what the OpenAPI files say
	@git diff --exit-code --stat -- '*.gen.go' || { echo "run make generate and commit the result"; exit 1; }

tidy: ## go mod tidy in every module
	@for m in $(MODULES) helm; do (cd $$m && GOWORK=off $(GO) mod tidy) || exit 1; done

check-tidy: tidy ## the go.mod files are tidy
	@git diff --exit-code --stat -- '*/go.mod' '*/go.sum' || { echo "run make tidy and commit the result"; exit 1; }

release-archive: ## VERSION=v0.2.0 REF=<commit>: keep the source of a release, for the upgrade test of the next one
	@test -n "$(VERSION)" -a -n "$(REF)" || { echo "which release? make release-archive VERSION=v0.2.0 REF=<commit>"; exit 1; }
	@git archive --format=tar $(REF) -- services activities workflows gateway \
		':(exclude,glob)**/*_test.go' ':(exclude,glob)**/testdata/**' ':(exclude,glob)**/*.md' \
		| gzip -9n > deploy/upgrade/testdata/$(VERSION).tar.gz
	@ls -l deploy/upgrade/testdata/$(VERSION).tar.gz

clean: ## remove what was built; data under var/ stays
	@rm -rf $(BIN) $(DIST)

$(TOOLS)/oapi-codegen-$(OAPI_CODEGEN_VERSION):
	@$(call install,github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen,$(OAPI_CODEGEN_VERSION),oapi-codegen)

$(TOOLS)/golangci-lint-$(GOLANGCI_LINT_VERSION):
	@$(call install,github.com/golangci/golangci-lint/v2/cmd/golangci-lint,$(GOLANGCI_LINT_VERSION),golangci-lint)

$(TOOLS)/workflowcheck-$(WORKFLOWCHECK_VERSION):
	@$(call install,go.temporal.io/sdk/contrib/tools/workflowcheck,$(WORKFLOWCHECK_VERSION),workflowcheck)

$(TOOLS)/gitleaks-$(GITLEAKS_VERSION):
	@$(call install,github.com/zricethezav/gitleaks/v8,$(GITLEAKS_VERSION),gitleaks)

$(TOOLS)/govulncheck-$(GOVULNCHECK_VERSION):
	@$(call install,golang.org/x/vuln/cmd/govulncheck,$(GOVULNCHECK_VERSION),govulncheck)

$(TOOLS)/helm-$(HELM_VERSION):
	@$(call install,helm.sh/helm/v4/cmd/helm,$(HELM_VERSION),helm)

# gotest,modules,flags: the tests of the modules, one after the other, with a server of the MySQL family. With
# CI=true a test that skips itself is a failure: there, everything that a test may need is at hand.
ifeq ($(CI),true)
verdict = { $(GO) test -timeout 30m -v $(2) ./... || echo "FAIL	$$m"; } | awk -f ../.ci/verdict.awk
else
verdict = $(GO) test -timeout 30m $(2) ./...
endif
define gotest
(cd services && CGO_ENABLED=0 $(GO) build -o $(BIN)/withmysql ./platform/cmd/withmysql) && \
$(BIN)/withmysql -- sh -ec 'for m in $(1); do (cd $$m && $(verdict)); done'
endef

# benchmark,flags: the result goes to dist/benchmark. The split set-up builds its programs, for which it has to run here.
define benchmark
mkdir -p $(BIN) && cd deploy && $(GO) build -o $(BIN)/bench ./cmd/bench && \
$(BIN)/bench $(1) --seed "$(or $(SEED),1)" --out $(DIST)/benchmark $(ARGS)
endef

# build-images,flags: bills of materials go to dist/sbom, binaries to dist/bin.
define build-images
(cd deploy && $(GO) run ./cmd/images --root .. --out $(DIST) --version "$(VERSION)" --source "$(SOURCE)" \
	--repository "$(or $(REPOSITORY),aftercare)" --only "$(ONLY)" --arch "$(or $(ARCH),$(shell $(GO) env GOARCH))" $(1))
endef

# install,package,version,name: builds a Go tool once and keeps it under its version.
define install
echo "building $(3) $(2)"; mkdir -p $(TOOLS); \
GOWORK=off GOFLAGS= GOBIN=$(TOOLS) $(GO) install $(1)@$(2) && mv $(TOOLS)/$(3) $(TOOLS)/$(3)-$(2)
endef
