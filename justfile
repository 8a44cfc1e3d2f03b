# The commands a contributor types. `just` alone lists them.
default:
    @just --list

# What the README promises: all tests, nothing installed.
test:
    cargo test

# Write printed documents and snapshots anew; read the diff.
update:
    UPDATE_DOCS=1 INSTA_UPDATE=always cargo test

# Each fuzz target for ten minutes, or as many seconds as said; two at a time.
fuzz seconds="600":
    ECS_TRACE_FUZZ_SECONDS={{seconds}} cargo test --lib fuzz:: -- --nocapture --test-threads 2

# What may be linked: licences, sources, versions, and security advisories. Wants cargo-deny.
deny:
    cargo deny --locked check

# The whole gate.
ci:
    bash .ci/run
