# Prints progress; the output of the tools goes to logs.
# shellcheck shell=bash

LOGS=$ROOT/build/logs

is_terminal() { [[ -t 1 && ${TERM:-dumb} != dumb ]]; }

case "${LC_ALL:-${LC_CTYPE:-${LANG:-}}}" in
*UTF-8 | *utf8) TICK='✓' CROSS='✗' ;;
*) TICK='ok' CROSS='!!' ;;
esac
BOLD='' GREEN='' RED='' DIM='' PLAIN=''
if is_terminal && [[ -z ${NO_COLOR:-} ]]; then
    BOLD=$'\e[1m' GREEN=$'\e[32m' RED=$'\e[31m' DIM=$'\e[2m' PLAIN=$'\e[0m'
fi

say() { printf '%s\n' "$*"; }
title() { printf '\n%s%s%s\n' "$BOLD" "$*" "$PLAIN"; }
done_line() { printf '%s%s%s %s\n' "$GREEN" "$TICK" "$PLAIN" "$*"; }
failed_line() { printf '%s%s%s %s\n' "$RED" "$CROSS" "$PLAIN" "$*"; }

fail() {
    failed_line "$*" >&2
    exit 1
}

show_log() {
    printf '%s\n' "${DIM}last lines of $1:${PLAIN}"
    tail -n "${2:-25}" -- "$1" | sed 's/^/  /'
}

# watch_process TEXT PID: shows TEXT and the elapsed time until the process has ended.
watch_process() {
    local began=$SECONDS
    while kill -0 "$2" 2>/dev/null; do
        printf '\r\e[K%s ... %s%d s%s' "$1" "$DIM" $((SECONDS - began)) "$PLAIN"
        sleep 0.2
    done
    printf '\r\e[K'
}

# step TEXT LOGNAME COMMAND ...: runs the command with its output in a log, and returns its exit code. On failure
# shows the last lines of the log. The command has its own process group, so that Ctrl-C ends all of it.
step() {
    local text=$1 log=$LOGS/$2.log began=$SECONDS code=0
    shift 2
    mkdir -p "$LOGS"
    set -m
    "$@" >"$log" 2>&1 </dev/null &
    STEP=$!
    set +m
    if is_terminal; then
        watch_process "$text" "$STEP"
    else
        say "$text ..."
    fi
    wait "$STEP" || code=$?
    STEP=''
    if ((code == 0)); then
        done_line "$text ${DIM}($((SECONDS - began)) s)$PLAIN"
    else
        failed_line "$text"
        show_log "$log"
    fi
    return "$code"
}
