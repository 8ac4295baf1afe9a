# Fault tests: programs are broken while they run.
# shellcheck shell=bash

# Fault tests need programs with failure points, and packages for a small disk.
build_faults() {
    setup_packages build run test faults
    build_preset next
    build_preset faults
    open_scratch
}

# build_previous: builds the programs of the version before in build/previous/COMMIT, once.
build_previous() {
    local commit folder
    commit=$(<tests/faults/previous)
    folder=build/previous/$commit
    [[ ! -e $folder/built ]] || return 0
    git cat-file -e "$commit^{commit}" 2>/dev/null ||
        fail "the version before, commit $commit (tests/faults/previous), is not in this clone: run" \
            "\"git fetch --unshallow\", or clone the repository without --depth"
    setup_packages build test-build
    rm -rf build/previous
    mkdir -p "$folder/source"
    git archive "$commit" | tar -x -C "$folder/source" || exit 1
    step "Configuring (the version before, ${commit:0:7})" configure-previous \
        cmake --preset release -S "$folder/source" -B "$folder" || exit 1
    step "Building (the version before)" build-previous cmake --build "$folder" --target tellercast tellercastd \
        tellercast-node tellercast-atm tellercast-pull tellercast-install-file tellercast-fleet || exit 1
    touch "$folder/built"
}

ATTACK_SECONDS=60

# attack: the scenario in which one device does its worst, for as long as is promised. The test suite runs it for a few
# seconds.
attack() {
    run_part attack "An attack by one device, for $ATTACK_SECONDS s" env TELLERCAST_ATTACK_SECONDS="$ATTACK_SECONDS" \
        TELLERCAST_BIN="$BIN" TELLERCAST_SCRATCH="$SCRATCH" /usr/bin/python3 -m pytest \
        tests/scenario/test_guard_limits.py -k test_an_attacker -p no:cacheprovider --basetemp="$SCRATCH/pytest" \
        --junitxml="$RESULTS/attack.xml" -q -rP --timeout 300
}

# faults [--long --minutes M] [--seed N] [ARGUMENT ...]: without --long, the upgrade from the version before, then
# each kind once, several a round, on three orchestrators. With --long there are two, so that both numbers are tested,
# and the attack comes first. With --upgrade, only the upgrade, and with --attack, only the attack, with the release
# build.
faults() {
    local arguments=(--tour --orchestrators 3) attacked=0
    if [[ ${1:-} == --list ]]; then
        tests/faults/faults --list
        return
    fi
    if [[ ${1:-} == --attack ]]; then
        (($# == 1)) || refuse "faults: --attack takes no more arguments"
        setup_packages build run test
        build_preset release
        open_scratch
        attack || attacked=1
        say_counts
        return "$attacked"
    fi
    if [[ ${1:-} == --long ]]; then
        shift
        arguments=(--long)
    fi
    if [[ ${1:-} == --upgrade ]]; then
        arguments=()
        build_previous
        setup_packages build run test
        build_preset release
        open_scratch
    elif [[ ${arguments[0]} == --long ]]; then
        arguments=()
        build_faults
        attack || attacked=1
    else
        build_previous
        build_faults
    fi
    attend_part faults env TELLERCAST_BIN="$BIN" TELLERCAST_SCRATCH="$SCRATCH" TELLERCAST_LOGS="$LOGS" \
        tests/faults/faults --junitxml "$RESULTS/faults.xml" "${arguments[@]}" "$@" || attacked=1
    return "$attacked"
}
