# Processes that live no longer than this command: each is the leader of its own group, known by its process
# ID, and stopped however the command ends.
# shellcheck shell=bash

RUN_ID=$$-$RANDOM$RANDOM
SCRATCH=''       # folder of what need not outlive the command
STARTED=()       # "PID SIGNAL"; those of the servers are in SERVERS
SERVERS=()
STEP=''          # process group of the step under way
STEP_IS_WHOLE=no # yes: that step is to end by itself

raise_file_limit() { ulimit -n "$(ulimit -Hn)" 2>/dev/null || true; }

trap 'close_all' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

# A short path, for Unix sockets' names are short; other users (PostgreSQL's, under root) may pass through.
open_scratch() {
    SCRATCH=$(mktemp -d /tmp/tellercast-XXXXXX)
    chmod 711 "$SCRATCH"
}

# start_process NAME SIGNAL COMMAND ...: its log is $LOGS/NAME.log; SIGNAL asks it to stop. PID says which it is.
# start_server does the same for what is to be stopped last.
start_process() {
    local name=$1 signal=$2
    shift 2
    mkdir -p "$LOGS"
    TELLERCAST_RUN=$RUN_ID setsid -- env --default-signal=INT,QUIT setpriv --pdeathsig TERM -- "$@" \
        >"$LOGS/$name.log" 2>&1 </dev/null &
    PID=$!
    STARTED+=("$PID $signal")
}

start_server() {
    start_process "$@"
    SERVERS+=("${STARTED[-1]}")
    unset 'STARTED[-1]'
}

# attend COMMAND ...: runs it in the foreground; unlike a plain command it does not hold up our own end.
attend() {
    local code=0
    TELLERCAST_RUN=$RUN_ID "$@" &
    STARTED+=("$! TERM")
    wait "$!" || code=$?
    unset 'STARTED[-1]'
    return "$code"
}

is_running() { kill -0 "$1" 2>/dev/null; }

# wait_until SECONDS COMMAND ...: tries the command until it succeeds.
wait_until() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < deadline)) || return 1
        sleep 0.1
    done
}

is_gone() { ! is_running "$1"; }

# stop_process PID SIGNAL: asks it, waits, then ends its whole group.
stop_process() {
    kill -s "$2" "$1" 2>/dev/null || true
    wait_until 15 is_gone "$1" || true
    kill -s KILL -- "-$1" 2>/dev/null || true
}

# stop_all "PID SIGNAL" ...: asks all of them at once, then sees to it.
stop_all() {
    local entry pid signal
    for entry; do
        read -r pid signal <<<"$entry"
        kill -s "$signal" "$pid" 2>/dev/null || true
    done
    for entry; do
        read -r pid signal <<<"$entry"
        stop_process "$pid" "$signal"
    done
}

# What descends from a process of ours and left its group bears our mark.
stop_leftovers() {
    local folder
    for folder in /proc/[0-9]*; do
        [[ ${folder#/proc/} != "$$" ]] || continue
        if tr '\0' '\n' <"$folder/environ" 2>/dev/null | grep -qx "TELLERCAST_RUN=$RUN_ID"; then
            kill -s KILL "${folder#/proc/}" 2>/dev/null || true
        fi
    done 2>/dev/null
}

end_step() {
    [[ -n $STEP ]] || return 0
    if [[ $STEP_IS_WHOLE == yes ]]; then
        say "waiting for this to end: half done it would leave the machine's packages broken"
        wait "$STEP" || true
    else
        kill -s TERM -- "-$STEP" 2>/dev/null || true
        wait_until 15 is_gone "$STEP" || true
        kill -s KILL -- "-$STEP" 2>/dev/null || true
    fi
}

close_all() {
    trap '' INT TERM HUP
    end_step
    stop_all "${STARTED[@]}"
    stop_all "${SERVERS[@]}"
    stop_leftovers
    [[ -z $SCRATCH ]] || rm -rf -- "$SCRATCH"
    SCRATCH=''
}

declare -A HANDED_OUT=()
# Sets PORT to a free TCP port below those that the system gives to outgoing connections.
find_free_port() {
    local tries
    for ((tries = 0; tries < 200; tries++)); do
        PORT=$((20000 + RANDOM % 12000))
        [[ -z ${HANDED_OUT[$PORT]:-} ]] || continue
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null; then
            HANDED_OUT[$PORT]=1
            return 0
        fi
    done
    fail "found no free TCP port"
}

# Somebody listens there; owns_port says who.
is_listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# owns_port PID PORT: it is this process that listens on the TCP port.
owns_port() {
    local sockets
    sockets=$(awk -v port="$(printf ':%04X' "$2")" \
        '$4 == "0A" && substr($2, length($2) - 4) == port { print "socket:[" $10 "]" }' /proc/net/tcp*)
    [[ -n $sockets ]] && find "/proc/$1/fd" -lname 'socket:*' -printf '%l\n' | grep -xF "$sockets" >/dev/null
}
