# The environment of the servers and of tellercastd. It has nothing of the caller's: a variable may be a secret, and may
# change what a program loads, trusts and connects to.
# shellcheck shell=bash

# What is kept if it is set: the time zone of the logs, and the mark of scripts/process.sh. Tests name further variables in
# TELLERCAST_KEPT_VARIABLES, for sanitizers.
KEPT_VARIABLES="TZ TELLERCAST_RUN ${TELLERCAST_KEPT_VARIABLES:-}"

# set_environment USER: sets ENVIRONMENT to the variables of a program that runs as this user under root.
set_environment() {
    local name home=${HOME:-/}
    ((EUID != 0)) || home=$(getent passwd "$1" | cut -d: -f6) || home=/
    ENVIRONMENT=(PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "HOME=$home" LANG=C.UTF-8)
    for name in $KEPT_VARIABLES; do
        [[ -z ${!name+set} ]] || ENVIRONMENT+=("$name=${!name}")
    done
}
