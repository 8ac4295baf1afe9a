# Builds with the presets of CMakePresets.json.
# shellcheck shell=bash

PRESETS="release debug asan tsan fuzz"

# build_preset PRESET: sets BIN to the folder of its programs.
build_preset() {
    local preset=$1
    [[ " $PRESETS " == *" $preset "* ]] || fail "unknown preset $preset; there are: $PRESETS"
    setup_packages build
    [[ $preset != fuzz ]] || setup_packages fuzz
    BIN=$ROOT/build/$preset/bin
    step "Configuring ($preset)" "configure-$preset" cmake --preset "$preset" || exit 1
    step "Building ($preset)" "build-$preset" cmake --build --preset "$preset" || exit 1
}
