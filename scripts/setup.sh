# Installs the Debian packages that each command needs.
# shellcheck shell=bash

PACKAGE_LIST=packaging/debian-packages

# packages_for PURPOSE ...: sets WANTED to the packages of these purposes.
packages_for() {
    local purpose
    local -a packages
    WANTED=()
    for purpose; do
        mapfile -t packages < <(sed -n "s/^$purpose //p" "$PACKAGE_LIST")
        ((${#packages[@]} > 0)) || fail "$PACKAGE_LIST names no package for $purpose"
        WANTED+=("${packages[@]}")
    done
}

# missing_packages PACKAGE ...: prints the packages that are not installed.
missing_packages() {
    local package state
    declare -A installed=()
    while read -r package state; do
        [[ $state != installed ]] || installed[$package]=1
    done < <(dpkg-query -W -f='${Package} ${db:Status-Status}\n' -- "$@" 2>/dev/null || true)
    for package; do
        [[ -n ${installed[$package]:-} ]] || printf '%s ' "$package"
    done
}

as_administrator() {
    if ((EUID == 0)); then
        "$@"
    else
        sudo -- "$@"
    fi
}

# Runs as administrator. Tellercast starts its own servers, so the services of the packages are not started now
# (policy-rc.d) and not at the next boot (systemctl disable).
install_packages() {
    local policy=/usr/sbin/policy-rc.d code=0 service
    if [[ -e $policy ]]; then
        policy=''
    else
        printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy"
    fi
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" || code=$?
    [[ -z $policy ]] || rm -f "$policy"
    command -v systemctl >/dev/null || return "$code"
    for service in mosquitto postgresql redis-server; do
        [[ " $* " != *" $service "* ]] || systemctl disable "$service"
    done
    return "$code"
}

# setup_packages PURPOSE ...: installs what is missing. A purpose is all, or one of build, test-build, run, test,
# contract, faults, fuzz, lint; identity-provider and alerts are in none of these.
setup_packages() {
    local purposes=("$@")
    local -a missing
    [[ $1 != all ]] || purposes=(build test-build run test contract faults fuzz lint)
    packages_for "${purposes[@]}"
    read -r -a missing <<<"$(missing_packages "${WANTED[@]}")" || true
    if ((${#missing[@]} == 0)); then
        [[ $1 != all ]] || done_line "all packages are installed"
        return 0
    fi
    command -v apt-get >/dev/null || fail "install these packages: ${missing[*]}"
    ((EUID == 0)) || command -v sudo >/dev/null || fail "run as root: apt-get install ${missing[*]}"
    say "Debian packages to install: ${missing[*]}"
    ((EUID == 0)) || sudo -v || fail "run as root: apt-get install ${missing[*]}"
    step "Reading the package lists" setup-update as_administrator apt-get update -q || exit 1
    STEP_IS_WHOLE=yes
    step "Installing ${#missing[@]} packages" setup-install \
        as_administrator bash -c "$(declare -f install_packages); install_packages \"\$@\"" bash "${missing[@]}" || exit 1
    STEP_IS_WHOLE=no
}
