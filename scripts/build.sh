# Builds with the presets of CMakePresets.json.
# shellcheck shell=bash

PRESETS="release debug asan tsan faults next fuzz coverage"

# Configures from scratch when the checkout was moved.
configure_preset() {
    local fresh=() cache=build/$1/CMakeCache.txt
    if [[ -e $cache ]] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$ROOT" "$cache"; then
        fresh=(--fresh)
    fi
    cmake "${fresh[@]}" --preset "$1"
}

# build_preset PRESET: builds it; sets BIN to the folder of its programs and GUARD to the plugin of the broker.
build_preset() {
    local preset=$1
    [[ " $PRESETS " == *" $preset "* ]] || fail "unknown preset $preset; allowed: ${PRESETS// /, }"
    setup_packages build test-build
    [[ " fuzz coverage " != *" $preset "* ]] || setup_packages fuzz
    BIN=$ROOT/build/$preset/bin GUARD=$ROOT/build/$preset/lib/tellercast_guard.so
    step "Configuring ($preset)" "configure-$preset" configure_preset "$preset" || exit 1
    step "Building ($preset)" "build-$preset" cmake --build --preset "$preset" || exit 1
}
