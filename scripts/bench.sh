# Speed and fuzzing.
# shellcheck shell=bash

# bench [MEASURE ...]: results are also in build/bench, as JSON.
bench() {
    setup_packages build run test
    build_preset release
    open_scratch
    attend env TELLERCAST_BIN="$BIN" TELLERCAST_SCRATCH="$SCRATCH" tests/bench/bench "$@"
}

# fuzz [SECONDS | --long] [--targets NAME,...]: what it finds is kept in build/fuzz/findings.
fuzz() {
    build_preset fuzz
    attend tests/fuzz/fuzz --programs "$BIN" --kept build/fuzz "$@"
}
