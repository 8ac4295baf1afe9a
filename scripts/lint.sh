# Format, static analysis, documents, the rules of the house.
# shellcheck shell=bash

sources() { find base topics config orchestrator clients tests \( -name '*.c' -o -name '*.h' \) -print; }

lint_format() { sources | xargs clang-format --dry-run -Werror; }

lint_tidy() {
    run-clang-tidy -quiet -j "$(nproc)" -p build/lint -header-filter="^$ROOT/(base|topics|config|orchestrator|clients)/" \
        "^$ROOT/(base|topics|config|orchestrator|clients)/"
}

lint_cppcheck() {
    cppcheck -q -j "$(nproc)" --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
        --suppressions-list=tests/lint/cppcheck.suppressions -D_GNU_SOURCE -I. --library=posix \
        base topics config orchestrator clients
}

lint_scripts() { shellcheck -x run scripts/server .ci/run; }

lint_documents() {
    local check
    for check in tests/lint/*.py; do
        echo "$check"
        /usr/bin/python3 "$check" || return 1
    done
}

# clang-tidy reads the commands of a build by clang, and needs the sources that the build makes.
configure_lint() {
    cmake -S . -B build/lint -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_COMPILER=clang &&
        cmake --build build/lint --target orchestrator/store/generated/statements.c
}

lint() {
    local code=0
    setup_packages build lint
    step "Format" lint-format lint_format || code=1
    step "Scripts" lint-scripts lint_scripts || code=1
    step "Documents and the rules of the house" lint-documents lint_documents || code=1
    step "Configuring (lint)" configure-lint configure_lint || exit 1
    step "cppcheck" lint-cppcheck lint_cppcheck || code=1
    step "clang-tidy" lint-tidy lint_tidy || code=1
    return "$code"
}
