# The commands a contributor types. `just` alone lists them.
default:
    @just --list

# What the README promises: all tests, nothing installed.
test:
    cargo test

# Write printed documents and snapshots anew; read the diff.
update:
    UPDATE_DOCS=1 INSTA_UPDATE=always cargo test

# The whole gate.
ci:
    bash .ci/run
