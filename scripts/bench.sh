# Speed and fuzzing.
# shellcheck shell=bash

# bench [MEASURE ...]: results are also in build/bench, as JSON.
bench() {
    setup_packages build run test
    build_preset release
    open_scratch
    attend env TELLERCAST_BIN="$BIN" TELLERCAST_SCRATCH="$SCRATCH" tests/bench/bench "$@"
}

# fuzz [SECONDS]: every target in turn; what it finds is kept in build/fuzz/findings.
fuzz() {
    local seconds=${1:-60} target name code=0
    build_preset fuzz
    for target in "$ROOT"/build/fuzz/bin/fuzz_*; do
        name=$(basename "$target")
        mkdir -p "build/fuzz/corpus/$name" "build/fuzz/findings"
        step "Fuzzing ${name#fuzz_} for $seconds s" "$name" "$target" -max_total_time="$seconds" -timeout=10 \
            -artifact_prefix="build/fuzz/findings/$name-" "build/fuzz/corpus/$name" "tests/fuzz/corpus/${name#fuzz_}" ||
            code=1
    done
    return "$code"
}
