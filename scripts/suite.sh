# The whole suite: unit and integration tests, and scenarios with real servers; again with AddressSanitizer and
# UndefinedBehaviorSanitizer; the threads with ThreadSanitizer.
# shellcheck shell=bash

# The parts of the suite, in order: each is a function part_NAME. The gate, `./run test`, runs each scenario once: with
# sanitizers those that reach code which the others do not. It makes every nth call fail with AddressSanitizer alone, and
# leaves out every nth allocation, and most of the models of random plans. See docs/decisions/0071.
GATE_PARTS=(most_units_release gate_scenarios_release units_asan chosen_scenarios_asan chosen_units_tsan
    chosen_scenarios_tsan)
# `./run test --all` runs all that the gate runs, and everything with sanitizers. Add a part here that takes long, or
# needs more of the machine than the gate does.
ALL_PARTS=(units_release scenarios_release identity_provider units_asan scenarios_asan units_tsan scenarios_tsan
    contract alerts)

# Scenarios all of whose code other scenarios reach, too. `./run coverage` writes the list.
REACHED_BY_OTHERS=tests/scenario/reached_by_others.txt
# What only `./run test --all` runs in the release build.
LONG_UNITS='^(test_nth_|more_properties$)'
# The gate's tests with ThreadSanitizer: the parts with threads, and scenarios that run all of them.
TSAN_UNITS='queue|worker|metrics|pool|thread|updater|dispatcher|broker|agent'
TSAN_SCENARIOS='test_S5 or test_two_orchestrators or calendars_are_read_again'

# The gate runs a scenario that failed once more: its servers, clients and clocks share two processors with all the
# others. What a sanitizer found stays found. See docs/decisions/0043.
SECOND_TRY=(--reruns 1 --only-rerun '(?s)^(?!.*(Sanitizer|runtime error:))')

export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:strict_string_checks=1
export UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS="halt_on_error=0 second_deadlock_stack=1 suppressions='$ROOT/tests/tsan.suppressions'"
export LSAN_OPTIONS="suppressions='$ROOT/tests/lsan.suppressions' print_suppressions=0"

# run_units PRESET [ARGUMENT ...]: with further arguments of ctest.
run_units() {
    local preset=$1 name=units-$1
    shift
    run_part "$name" "Unit and integration tests ($preset)" env TMPDIR="$SCRATCH" ctest --test-dir "build/$preset" \
        --output-on-failure --output-junit "$RESULTS/$name.xml" --no-tests=ignore -j 3 "$@"
}

# run_scenarios PRESET [ARGUMENT ...]: with further arguments of pytest. A scenario uses a processor for a quarter of its
# time, so three times as many of them run at a time as there are processors.
run_scenarios() {
    local preset=$1 name=scenarios-$1 sanitized=() workers code=0
    shift
    workers=$(($(nproc) * 3))
    [[ $preset == release ]] || sanitized=(TELLERCAST_SANITIZED=yes)
    run_part "$name" "Scenarios ($preset)" env "${sanitized[@]}" TELLERCAST_BIN="$ROOT/build/$preset/bin" \
        TELLERCAST_SCRATCH="$SCRATCH" TELLERCAST_MEMORY="$MEMORY" /usr/bin/python3 -m pytest tests/scenario \
        -p no:cacheprovider --basetemp="$SCRATCH/pytest" --junitxml="$RESULTS/$name.xml" -q --durations=15 -r fER \
        -n "$workers" --dist loadgroup --timeout 240 "$@" || code=1
    sed -n "s/^RERUN /  tried twice: /p" "$LOGS/$name.log" | sort -u
    return "$code"
}

part_units_release() { run_units release; }
part_most_units_release() { run_units release -E "$LONG_UNITS"; }
part_scenarios_release() { run_scenarios release; }
part_gate_scenarios_release() { run_scenarios release "${SECOND_TRY[@]}" --listed "$REACHED_BY_OTHERS"; }
part_units_asan() { run_units asan; }
part_scenarios_asan() { run_scenarios asan; }
part_chosen_scenarios_asan() { run_scenarios asan "${SECOND_TRY[@]}" --listed "$REACHED_BY_OTHERS"; }
part_units_tsan() { run_units tsan; }
part_chosen_units_tsan() { run_units tsan -R "$TSAN_UNITS"; }
part_scenarios_tsan() { run_scenarios tsan; }
part_chosen_scenarios_tsan() { run_scenarios tsan "${SECOND_TRY[@]}" -k "$TSAN_SCENARIOS"; }

# install_identity_provider FOLDER: npm's oidc-provider, as the lock file has it.
install_identity_provider() {
    mkdir -p "$1"
    cp tests/identity_provider/package.json tests/identity_provider/package-lock.json "$1"
    npm ci --prefix "$1" --ignore-scripts --no-audit --no-fund
}

# Sign-in and JWTs with the identity provider of others.
part_identity_provider() {
    local folder=$ROOT/build/identity-provider
    command -v npm >/dev/null || setup_packages identity-provider
    step "Installing oidc-provider" npm install_identity_provider "$folder" || return 1
    run_part identity-provider "Scenarios with oidc-provider" env TELLERCAST_IDENTITY_PROVIDER="$folder" \
        TELLERCAST_BIN="$ROOT/build/release/bin" TELLERCAST_SCRATCH="$SCRATCH" TELLERCAST_MEMORY="$MEMORY" \
        /usr/bin/python3 -m pytest tests/scenario/test_identity_provider.py -p no:cacheprovider \
        --basetemp="$SCRATCH/pytest" --junitxml="$RESULTS/identity-provider.xml" -q -r fER --timeout 480
}

# Installs what is pinned, when that has changed.
install_contract() {
    local wanted=tests/contract/requirements.txt folder=build/contract
    ! cmp -s "$wanted" "$folder/installed.txt" || return 0
    rm -rf -- "$folder"
    /usr/bin/python3 -m venv "$folder" && "$folder/bin/pip" install --quiet --requirement "$wanted" &&
        cp -- "$wanted" "$folder/installed.txt"
}

# docs/openapi.yaml and the HTTP endpoint, by schemathesis.
part_contract() {
    local code=0
    step "Installing schemathesis" install-contract install_contract || return 1
    run_part contract "The contract of HTTP" env TELLERCAST_BIN="$ROOT/build/release/bin" TELLERCAST_SCRATCH="$SCRATCH" \
        TELLERCAST_MEMORY="$MEMORY" /usr/bin/python3 -m pytest tests/scenario/test_contract.py \
        --contract "$ROOT/build/contract/bin/schemathesis" -p no:cacheprovider --basetemp="$SCRATCH/contract" \
        --junitxml="$RESULTS/contract.xml" -q -r fEP || code=1
    sed -n "s/^\(.* requests to .* operations\)$/  \1/p" "$LOGS/contract.log"
    return "$code"
}

# The alert rules, by promtool.
part_alerts() {
    command -v promtool >/dev/null || setup_packages alerts
    run_part alerts "The alert rules" env TELLERCAST_ALERTS=yes /usr/bin/python3 -m pytest tests/scenario/test_alerts.py \
        -p no:cacheprovider --junitxml="$RESULTS/alerts.xml" -q -r fER
}

# join_names SEPARATOR NAME ...: prints "a or b".
join_names() {
    local between=$1 joined=$2
    shift 2
    for name; do joined+=$between$name; done
    echo "$joined"
}

# run_named NAME ...: runs the tests whose names contain one of the names. A part may have none.
run_named() {
    local code=0
    MAY_BE_EMPTY=(--may-be-empty)
    build_preset release
    run_units release -R "$(join_names '|' "$@")" || code=1
    run_scenarios release -k "$(join_names ' or ' "$@")" || code=1
    if ((PASSED + FAILED == 0)); then
        failed_line "no test ran"
        code=1
    fi
    return "$code"
}

# run_parts PART ...
run_parts() {
    local code=0 preset part
    for preset in release asan tsan; do
        build_preset "$preset"
    done
    for part; do
        "part_$part" || code=1
    done
    return "$code"
}

# suite [--all | NAME ...]
suite() {
    local code=0 began=$SECONDS
    [[ " $* " != *" --all "* ]] || (($# == 1)) || refuse "test: --all takes no names"
    setup_packages build test-build run test
    open_scratch
    open_memory
    if (($# == 0)); then
        run_parts "${GATE_PARTS[@]}" || code=1
    elif [[ $1 == --all ]]; then
        setup_packages contract
        run_parts "${ALL_PARTS[@]}" || code=1
    else
        run_named "$@" || code=1
    fi
    say "${DIM}in $((SECONDS - began)) s$PLAIN"
    say_counts
    return "$code"
}

# property [--seed N] [--plans M]: random plans under a virtual clock. The test suite runs a few of them.
property() {
    setup_packages build run test
    build_preset release
    open_scratch
    attend env TELLERCAST_SCRATCH="$SCRATCH" tests/property/property --engine "$BIN/property-engine" "$@"
}

# coverage: lists the scenarios that need no sanitizers in the gate, from the code that each test reaches. Those that fail
# are not listed.
coverage() {
    local reached=$ROOT/build/coverage/reached units=$ROOT/build/coverage/units code=0
    setup_packages build test-build run test fuzz
    build_preset coverage
    open_scratch
    open_memory
    rm -rf -- "$reached" "$units"
    mkdir -p "$reached" "$units"
    # Only the units that the sanitizers' builds have, too.
    LLVM_PROFILE_FILE="$units/%p%c.profraw" run_units coverage -E '^(test_nth_allocation|more_properties$)' || code=1
    PYTHONPATH=tests/coverage TELLERCAST_REACHED="$reached" run_scenarios coverage -p reached || code=1
    tests/coverage/choose --reached "$reached" --units "$units" "$REACHED_BY_OTHERS" || code=1
    return "$code"
}
