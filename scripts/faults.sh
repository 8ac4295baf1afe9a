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

# faults [--long --minutes M] [--seed N] [ARGUMENT ...]: without --long, the upgrade from the version before, then
# each kind once, several a round, on three orchestrators. With --long there are two, so that both numbers are tested.
# With --upgrade, only the upgrade, with the release build.
faults() {
    local arguments=(--tour --orchestrators 3)
    if [[ ${1:-} == --list ]]; then
        tests/faults/faults --list
        return
    fi
    if [[ ${1:-} == --long ]]; then
        shift
        arguments=()
    fi
    if [[ ${1:-} == --upgrade ]]; then
        arguments=()
        build_previous
        setup_packages build run test
        build_preset release
        open_scratch
    else
        ((${#arguments[@]} == 0)) || build_previous
        build_faults
    fi
    attend_part faults env TELLERCAST_BIN="$BIN" TELLERCAST_SCRATCH="$SCRATCH" TELLERCAST_LOGS="$LOGS" \
        tests/faults/faults --junitxml "$RESULTS/faults.xml" "${arguments[@]}" "$@"
}
