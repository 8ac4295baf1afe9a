# The Debian packages that each command needs.
# shellcheck shell=bash

declare -A PACKAGES=(
    [build]="build-essential cmake ninja-build pkg-config libpaho-mqtt-dev libmosquitto-dev libpq-dev libhiredis-dev
        libyaml-dev libjansson-dev libmicrohttpd-dev libcurl4-openssl-dev libssl-dev libsodium-dev libsystemd-dev
        libcmocka-dev zlib1g-dev"
    [run]="mosquitto postgresql redis-server curl tzdata"
    [test]="mosquitto-clients python3 python3-pytest python3-pytest-xdist python3-pytest-timeout python3-psycopg2
        python3-paho-mqtt python3-redis python3-yaml"
    [faults]="libfaketime"
    [fuzz]="clang libclang-rt-dev llvm"
    [lint]="clang clang-format clang-tidy cppcheck shellcheck pyflakes3 python3 python3-yaml python3-jsonschema"
)

# Prints those of the packages that are not installed.
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

# Run as administrator. The packages' own services are not wanted: Tellercast starts its own. This is how Debian
# is told, for now and for the next boot.
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

# setup_packages SET ...: all, or some of build, run, test, faults, fuzz, lint.
setup_packages() {
    local sets=("$@") set
    local -a packages wanted=() missing
    [[ $1 != all ]] || sets=(build run test faults fuzz lint)
    for set in "${sets[@]}"; do
        read -r -d '' -a packages <<<"${PACKAGES[$set]}" || true
        wanted+=("${packages[@]}")
    done
    read -r -a missing <<<"$(missing_packages "${wanted[@]}")" || true
    if ((${#missing[@]} == 0)); then
        [[ $1 != all ]] || done_line "all packages are installed"
        return 0
    fi
    command -v apt-get >/dev/null || fail "please install: ${missing[*]}"
    ((EUID == 0)) || command -v sudo >/dev/null || fail "please install, as root: apt-get install ${missing[*]}"
    say "Debian packages to install: ${missing[*]}"
    ((EUID == 0)) || sudo -v || fail "please install, as root: apt-get install ${missing[*]}"
    step "Reading the package lists" setup-update as_administrator apt-get update -q || exit 1
    STEP_IS_WHOLE=yes
    step "Installing ${#missing[@]} packages" setup-install \
        as_administrator bash -c "$(declare -f install_packages); install_packages \"\$@\"" bash "${missing[@]}" || exit 1
    STEP_IS_WHOLE=no
}
