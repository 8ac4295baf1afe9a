# Processes that end with this command, however it ends. Each leads its own process group, and is known by its process
# ID.
# shellcheck shell=bash

RUN_ID=$$-$RANDOM$RANDOM
SCRATCH=''       # temporary folder, removed at the end
MEMORY=''        # the same, in memory
STARTED=()       # "PID SIGNAL"; those of the servers are in SERVERS
SERVERS=()
STEP=''          # process group of the step under way
STEP_IS_WHOLE=no # yes: that step must not be interrupted
HAS_MARKED=no    # yes: a process was started with TELLERCAST_RUN in its environment

raise_file_limit() { ulimit -n "$(ulimit -Hn)" 2>/dev/null || true; }

trap 'close_all' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

# A short path, since names of Unix sockets are short. Other users (PostgreSQL's, under root) may traverse it.
open_scratch() {
    SCRATCH=$(mktemp -d /tmp/tellercast-XXXXXX)
    chmod 711 "$SCRATCH"
}

# Sets MEMORY to a folder for data that needs no disk: in memory when all that tests put there has room, with as much left.
open_memory() {
    local room_kib free_kib least_kib=$((8 << 20))
    room_kib=$(df --output=avail --block-size=1K /dev/shm 2>/dev/null | tail -n 1) || room_kib=0
    free_kib=$(awk '$1 == "MemAvailable:" { print $2 }' /proc/meminfo)
    if ((room_kib >= least_kib && free_kib >= least_kib)) && MEMORY=$(mktemp -d /dev/shm/tellercast-XXXXXX); then
        chmod 711 "$MEMORY"
    else
        MEMORY=$(mktemp -d "$SCRATCH/memory-XXXXXX") && chmod 711 "$MEMORY"
    fi
}

# start_process NAME SIGNAL COMMAND ...: sets PID. The log is $LOGS/NAME.log; SIGNAL stops the process.
# start_server does the same for processes that are stopped last.
start_process() {
    local name=$1 signal=$2
    shift 2
    mkdir -p "$LOGS"
    HAS_MARKED=yes
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

# attend COMMAND ...: runs it in the foreground. Unlike a plain command it does not delay the handling of signals.
attend() {
    local code=0
    HAS_MARKED=yes
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

# stop_process PID SIGNAL: sends SIGNAL, waits, then kills the whole group.
stop_process() {
    kill -s "$2" "$1" 2>/dev/null || true
    wait_until 15 is_gone "$1" || true
    kill -s KILL -- "-$1" 2>/dev/null || true
}

# stop_all "PID SIGNAL" ...: signals all of them at once, then waits for each.
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

# Kills descendants that left their process group: TELLERCAST_RUN in their environment identifies them.
stop_leftovers() {
    local file
    [[ $HAS_MARKED == yes ]] || return 0
    for file in $(grep -lzxs "TELLERCAST_RUN=$RUN_ID" /proc/[0-9]*/environ || true); do
        file=${file%/environ}
        kill -s KILL "${file#/proc/}" 2>/dev/null || true
    done
}

end_step() {
    [[ -n $STEP ]] || return 0
    if [[ $STEP_IS_WHOLE == yes ]]; then
        say "waiting for this to end: an interruption would leave the installed packages broken"
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
    [[ -z $MEMORY ]] || rm -rf -- "$MEMORY"
    SCRATCH='' MEMORY=''
}

declare -A HANDED_OUT=()
# Sets PORT to a free TCP port below those that the system gives to outgoing connections.
find_free_port() {
    local tries
    for ((tries = 0; tries < 200; tries++)); do
        PORT=$((26000 + RANDOM % 6000)) # those below belong to tests
        [[ -z ${HANDED_OUT[$PORT]:-} ]] || continue
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null; then
            HANDED_OUT[$PORT]=1
            return 0
        fi
    done
    fail "found no free TCP port"
}

# is_listening PORT: a process listens on the TCP port.
is_listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# owns_port PID PORT: this process listens on the TCP port. A daemon that forbids dumps hides its files, except from root:
# then a running process and a port in use must do.
owns_port() {
    local sockets
    if [[ -d /proc/$1 && ! -r /proc/$1/fd ]]; then
        is_listening "$2"
        return
    fi
    sockets=$(awk -v port="$(printf ':%04X' "$2")" \
        '$4 == "0A" && substr($2, length($2) - 4) == port { print "socket:[" $10 "]" }' /proc/net/tcp*)
    [[ -n $sockets ]] && find "/proc/$1/fd" -lname 'socket:*' -printf '%l\n' | grep -xF "$sockets" >/dev/null
}

# owns_ports PID PORT ...: a broker opens its listeners one after the other.
owns_ports() {
    local port
    for port in "${@:2}"; do
        owns_port "$1" "$port" || return 1
    done
}
