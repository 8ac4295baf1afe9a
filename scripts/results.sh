# Counts tests from the JUnit files that they write.
# shellcheck shell=bash

RESULTS=$ROOT/build/results
PASSED=0 FAILED=0 SKIPPED=0
MAY_BE_EMPTY=() # --may-be-empty: a part without tests is no failure

# count_results NAME CODE: adds the counts of $RESULTS/NAME.xml, whose program ended with CODE. Fails when a test
# failed or none passed.
count_results() {
    local passed=0 failed=1 skipped=0 counts
    counts=$(tests/count_results "${MAY_BE_EMPTY[@]}" "$RESULTS/$1.xml" "$2") &&
        read -r passed failed skipped <<<"$counts"
    PASSED=$((PASSED + passed)) FAILED=$((FAILED + failed)) SKIPPED=$((SKIPPED + skipped))
    ((failed == 0))
}

# run_part NAME TEXT COMMAND ...: a step whose command writes $RESULTS/NAME.xml.
run_part() {
    local name=$1 text=$2 code=0
    shift 2
    mkdir -p "$RESULTS"
    rm -f -- "$RESULTS/$name.xml"
    step "$text" "$name" "$@" || code=$?
    count_results "$name" "$code"
}

# attend_part NAME COMMAND ...: the same with the command in the foreground; prints the counts at the end.
attend_part() {
    local name=$1 code=0 counted=0
    shift
    mkdir -p "$RESULTS"
    rm -f -- "$RESULTS/$name.xml"
    attend "$@" || code=$?
    count_results "$name" "$code" || counted=1
    say_counts
    return "$counted"
}

say_counts() {
    if ((SKIPPED > 0)); then
        say "$PASSED passed, $FAILED failed, $SKIPPED skipped"
    else
        say "$PASSED passed, $FAILED failed"
    fi
}
