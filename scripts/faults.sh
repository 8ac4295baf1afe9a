# Breaking what runs.
# shellcheck shell=bash

# What a night of faults needs of the machine: programs with failure points, and a small disk of its own.
build_faults() {
    setup_packages build run test faults
    build_preset next
    build_preset faults
    open_scratch
}

# faults [--long --minutes M] [--seed N] [ARGUMENT ...]: without --long each kind once, in rounds of several, on three
# orchestrators; the long ones have two, so that both numbers are tried.
faults() {
    local arguments=(--tour --orchestrators 3)
    if [[ ${1:-} == --long ]]; then
        shift
        arguments=()
    fi
    build_faults
    attend env TELLERCAST_BIN="$BIN" TELLERCAST_SCRATCH="$SCRATCH" TELLERCAST_LOGS="$LOGS" \
        tests/faults/faults "${arguments[@]}" "$@"
}
