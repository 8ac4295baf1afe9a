# Fault tests: programs are broken while they run.
# shellcheck shell=bash

# Fault tests need programs with failure points, and packages for a small disk.
build_faults() {
    setup_packages build run test faults
    build_preset next
    build_preset faults
    open_scratch
}

# build_commit WHAT COMMIT TARGET ...: builds programs of an older version in build/previous/COMMIT, once.
build_commit() {
    local what=$1 commit=$2 folder=build/previous/$2
    shift 2
    [[ ! -e $folder/built ]] || return 0
    git cat-file -e "$commit^{commit}" 2>/dev/null ||
        fail "$what, commit $commit (tests/faults), is not in this clone: run \"git fetch --unshallow\", or clone the" \
            "repository without --depth"
    setup_packages build test-build
    rm -rf "$folder"
    mkdir -p "$folder/source"
    git archive "$commit" | tar -x -C "$folder/source" || exit 1
    step "Configuring ($what, ${commit:0:7})" "configure-${commit:0:7}" cmake --preset release -S "$folder/source" \
        -B "$folder" || exit 1
    step "Building ($what)" "build-${commit:0:7}" cmake --build "$folder" --target "$@" || exit 1
    touch "$folder/built"
}

AGENTS=(tellercast-node tellercast-atm tellercast-pull tellercast-install-file tellercast-fleet)

# build_previous: builds the programs of the version before, and the oldest agents that must go on.
build_previous() {
    local previous oldest one
    previous=$(<tests/faults/previous)
    oldest=$(<tests/faults/oldest_agents)
    for one in build/previous/*/; do
        [[ $one == "build/previous/$previous/" || $one == "build/previous/$oldest/" ]] || rm -rf "$one"
    done
    build_commit "the version before" "$previous" tellercast tellercastd tellercast_guard "${AGENTS[@]}"
    build_commit "the oldest agents" "$oldest" "${AGENTS[@]}"
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
