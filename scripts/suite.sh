# The whole suite: unit and integration tests, and scenarios with real servers; again with AddressSanitizer and
# UndefinedBehaviorSanitizer; the threads with ThreadSanitizer.
# shellcheck shell=bash

# What ThreadSanitizer looks at: the parts with threads, and scenarios that run all of them.
TSAN_UNITS='queue|worker|metrics|pool|thread|updater|dispatcher|broker|agent'
TSAN_SCENARIOS='test_S5 or test_two_orchestrators'

PASSED=0 FAILED=0 SKIPPED=0

export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:strict_string_checks=1
export UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS="halt_on_error=0 second_deadlock_stack=1 suppressions='$ROOT/tests/tsan.suppressions'"
export LSAN_OPTIONS="suppressions='$ROOT/tests/lsan.suppressions' print_suppressions=0"

# Adds what the log of a tool says that it ran.
count_ctest() {
    local failed total
    read -r failed total < <(sed -n 's/^[0-9]*% tests passed, \([0-9]*\) tests failed out of \([0-9]*\)$/\1 \2/p' "$1") ||
        return 0
    PASSED=$((PASSED + total - failed)) FAILED=$((FAILED + failed))
}

number_before() { sed -n "s/.*\b\([0-9][0-9]*\) $2\b.*/\1/p" <<<"$1"; }

count_pytest() {
    local line
    line=$(grep -E ' in [0-9.]+s' "$1" | tail -n 1 || true)
    PASSED=$((PASSED + $(number_before "$line" passed) + 0))
    FAILED=$((FAILED + $(number_before "$line" failed) + $(number_before "$line" 'errors\?') + 0))
    SKIPPED=$((SKIPPED + $(number_before "$line" skipped) + 0))
}

# run_units PRESET [REGEX]
run_units() {
    local preset=$1 code=0
    step "Unit and integration tests ($preset)" "units-$preset" env TMPDIR="$SCRATCH" ctest \
        --test-dir "build/$preset" --output-on-failure --no-tests=ignore -j 3 ${2:+-R "$2"} || code=$?
    count_ctest "$LOGS/units-$preset.log"
    return "$code"
}

# run_scenarios PRESET [EXPRESSION]: pytest's code 5 says that no test has the names asked for.
run_scenarios() {
    local preset=$1 code=0 sanitized=()
    [[ $preset == release ]] || sanitized=(TELLERCAST_SANITIZED=yes)
    step "Scenarios ($preset)" "scenarios-$preset" env "${sanitized[@]}" TELLERCAST_BIN="$ROOT/build/$preset/bin" \
        TELLERCAST_SCRATCH="$SCRATCH" /usr/bin/python3 -m pytest tests/scenario -p no:cacheprovider \
        --basetemp="$SCRATCH/pytest" -q --durations=15 -n 3 --dist load --timeout 240 ${2:+-k "$2"} || code=$?
    ((code != 5)) || code=0
    count_pytest "$LOGS/scenarios-$preset.log"
    return "$code"
}

# Joins names with a word between: "a or b".
join_names() {
    local between=$1 joined=$2
    shift 2
    for name; do joined+=$between$name; done
    echo "$joined"
}

suite() {
    local code=0 preset began=$SECONDS
    setup_packages build run test
    open_scratch
    if (($# > 0)); then
        build_preset release
        run_units release "$(join_names '|' "$@")" || code=1
        run_scenarios release "$(join_names ' or ' "$@")" || code=1
    else
        for preset in release asan tsan; do
            build_preset "$preset"
        done
        run_units release || code=1
        run_scenarios release || code=1
        run_units asan || code=1
        run_scenarios asan || code=1
        run_units tsan "$TSAN_UNITS" || code=1
        run_scenarios tsan "$TSAN_SCENARIOS" || code=1
    fi
    say "${DIM}in $((SECONDS - began)) s$PLAIN"
    if ((PASSED + FAILED == 0)); then
        failed_line "no test ran"
        code=1
    fi
    ((FAILED == 0 || code != 0)) || code=1
    if ((SKIPPED > 0)); then
        say "$PASSED passed, $FAILED failed, $SKIPPED skipped"
    else
        say "$PASSED passed, $FAILED failed"
    fi
    return "$code"
}

# property [--seed N] [--plans M]: random plans under a virtual clock, as many as one likes; the suite tries a few.
property() {
    setup_packages build run test
    build_preset release
    open_scratch
    attend env TELLERCAST_SCRATCH="$SCRATCH" tests/property/property --engine "$BIN/property-engine" "$@"
}
