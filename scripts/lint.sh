# Format, scripts, documents, the project's own rules, static analysis.
# shellcheck shell=bash

SOURCES=(base hosts topics pki tls config guard orchestrator clients tests)

lint_format() {
    find "${SOURCES[@]}" -name '*.[ch]' -print0 | xargs -0 clang-format --dry-run -Werror
}

# Sourced files are checked together with the script that sources them. SC2015: "a && b || c" is intended.
lint_scripts() {
    shellcheck --external-sources --check-sourced --exclude=SC2015 run &&
        shellcheck --external-sources .ci/run scripts/server docker/credentials docker/people &&
        pyflakes3 tests
}

lint_documents() {
    local check code=0
    for check in tests/lint/*.py; do
        /usr/bin/python3 "$check" || code=1
    done
    return "$code"
}

lint_cppcheck() {
    cppcheck --quiet -j "$(nproc)" --std=c11 -D_GNU_SOURCE -I. --library=posix --inline-suppr --error-exitcode=1 \
        --enable=warning,performance,portability --suppressions-list=tests/lint/cppcheck.suppressions "${SOURCES[@]}"
}

# clang-tidy needs the compile commands of a build by clang, and its generated sources.
configure_lint() {
    configure_preset lint && cmake --build --preset lint
}

# lint_tidy [--deep]: all files, in one process, which remembers in build/lint those that were clean.
lint_tidy() {
    find "${SOURCES[@]}" -name '*.c' -exec tests/lint/tidy --build build/lint "$@" {} +
}

# lint [--deep]
lint() {
    local code=0
    setup_packages build test-build lint
    step "Format" lint-format lint_format || code=1
    step "Scripts" lint-scripts lint_scripts || code=1
    step "Documents and rules" lint-documents lint_documents || code=1
    step "cppcheck" lint-cppcheck lint_cppcheck || code=1
    step "Configuring (lint)" configure-lint configure_lint || exit 1
    step "clang-tidy and the warnings of clang" lint-tidy lint_tidy "$@" || code=1
    return "$code"
}
