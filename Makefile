# Each target is a line or two; `make` lists them.
.DEFAULT_GOAL := help
# Without OpenSSL's headers on the machine it is built from source, which needs perl and takes two minutes once.
VENDORED := $(shell pkg-config --exists openssl 2>/dev/null || echo vendored-openssl)
FEATURES := $(strip $(VENDORED))
NEXTEST := $(shell cargo nextest --version >/dev/null 2>&1 && echo yes)
TEST := $(if $(NEXTEST),cargo nextest run --no-fail-fast,cargo test --no-fail-fast)

.PHONY: help tools build install image demo demo-app demo-failover test test-real fault-matrix lint fmt snap fuzz bench docs ci

help: ## List the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

tools: ## Say what is missing on this machine, and what to do about it
	@tests/tools.sh

build: tools ## Build drctl for use: target/release/drctl
	cargo build --release --features "$(FEATURES)"

install: tools ## Install drctl to ~/.cargo/bin
	cargo install --locked --path . --features "$(FEATURES)"

image: build ## Build the container image of `drctl watch`: `make image`, `make image IMAGE=shop/drctl:1 TERRAFORM=PATH`
	@TERRAFORM='$(TERRAFORM)' tests/image.sh $(or $(CARGO_TARGET_DIR),target)/release/drctl $(IMAGE)

demo: build ## Rehearse the worked example: primary down, rebuilt in the fallback, report
	@tests/demo.sh $(or $(CARGO_TARGET_DIR),target)/release/drctl

demo-app: build ## Rehearse the worked example with what runs on it brought up for real: image, cluster, release
	@tests/demo_app.py $(or $(CARGO_TARGET_DIR),target)/release/drctl

demo-failover: build ## Fail a service of builtin resources over, for real
	@tests/demo_failover.sh $(or $(CARGO_TARGET_DIR),target)/release/drctl

test: tools ## Run all tests
	$(TEST) --features "test-fakes $(FEATURES)"

test-real: build ## Fail over, drill and break things for real: `make test-real ONLY=1.8.4/hang`, or `'drill/*'`, `'chaos/*'`, `'kong/*'`, `'image/*'`
	@tests/real/run.sh $(or $(CARGO_TARGET_DIR),target)/release/drctl '$(ONLY)'

fault-matrix: ## Kill failovers at every boundary, resume them and judge how they end: `make fault-matrix KILLS=40 SEED=2`, `ONLY=kills`, `ONLY=hang`
	cargo run --quiet --features "test-fakes $(FEATURES)" --bin fault-matrix

lint: ## Check format and lints
	cargo fmt --check
	cargo clippy --all-targets --features "test-fakes $(FEATURES)" -- -D warnings

fmt: ## Format the code
	cargo fmt

snap: ## Run the tests and accept what they now print
	INSTA_UPDATE=always $(TEST) --features "test-fakes $(FEATURES)"

fuzz: ## Feed the parser and the rules what nobody would write: `make fuzz`, `make fuzz TARGET=parse FOR=600`
	@tests/fuzz/run.sh $(or $(FOR),60) $(or $(TARGET),validate)

bench: tools ## Measure drctl against the bare Terraform: `make bench`, `make bench CASE=thousand`
	cargo bench --bench cost --features "$(FEATURES)" -- $(CASE)

docs: ## Build the documentation of the library
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --document-private-items --features "$(FEATURES)"

ci: ## Everything that must hold before a change lands
	.ci/run
