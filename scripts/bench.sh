# Speed and fuzzing.
# shellcheck shell=bash

# bench [--quick] [MEASURE ...]: without --quick it also writes the results to build/bench, as JSON.
bench() {
    setup_packages build run test
    build_preset release
    open_scratch
    attend env TELLERCAST_BIN="$BIN" TELLERCAST_SCRATCH="$SCRATCH" tests/bench/bench "$@"
}

# fuzz [SECONDS | --long] [--targets NAME,...]: keeps findings in build/fuzz/findings.
fuzz() {
    build_preset fuzz
    attend_part fuzz tests/fuzz/fuzz --programs "$BIN" --kept build/fuzz --junitxml "$RESULTS/fuzz.xml" "$@"
}
