# What people repeat. `just` lists it; each is one line that can be typed by hand.

default:
    @just --list

# All that a change must pass.
ci:
    .ci/run

# The tests of one room: `just test behaviour::jobs`.
test ROOM:
    cargo test --lib --test main -- {{ROOM}}

# Everything that is generated: the schema, the reference pages, the snapshots. Look at each change before committing it.
generated:
    cargo run -q -- schema > scenario.schema.json
    cargo run -q -- reference docs/reference
    INSTA_UPDATE=always cargo test --test main snapshots

# Properties on new draws.
properties CASES="200":
    PROPTEST_CASES={{CASES}} cargo test --release --test main -- invariants

# Each fuzz target for so many seconds.
fuzz SECONDS="60":
    for target in $(ls fuzz/fuzz_targets | sed 's/\.rs$//'); do fuzz/run $target {{SECONDS}} || exit 1; done

# 72 simulated years of the reference scenario and 10,000 drawn ones in one process: minutes, and flat memory.
soak:
    cargo run --release --example soak

# Figures of the benchmarks: `just bench schedule`.
bench NAME:
    cargo bench --bench {{NAME}}

# The report in a headless browser.
browser:
    tests/browser/run

# Licences, advisories, sources and doubled crates.
deny:
    cargo deny --locked check

# What a release would hold, and a bill of its materials (CycloneDX).
package:
    cargo package --locked --list
    cargo package --locked
    cargo cyclonedx --format json --override-filename windtunnel.cdx
