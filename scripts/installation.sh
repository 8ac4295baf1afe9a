# up, down, status: a permanent installation in a data folder.
# shellcheck shell=bash

PARTS="postgres redis mosquitto tellercastd" # in the order of their start

default_data_folder() {
    if ((EUID == 0)); then
        echo /var/lib/tellercast
    else
        echo "${XDG_DATA_HOME:-$HOME/.local/share}/tellercast"
    fi
}

# A PID file has the process' start time beside its ID, since the system reuses IDs.
started_at() {
    local fields
    [[ -r /proc/$1/stat ]] || return 1
    read -r -a fields < <(sed 's/.*) //' "/proc/$1/stat") || return 1
    [[ ${fields[0]} != Z ]] && echo "${fields[19]}"
}

# part_is_up NAME: sets PID.
part_is_up() {
    local began
    [[ -r $DATA/run/$1.pid ]] && read -r PID began <"$DATA/run/$1.pid" && [[ $(started_at "$PID") == "$began" ]]
}

# launch_part NAME SIGNAL COMMAND ...: starts the part unless it runs; sets PID. When this command ends before it called
# let_parts_live, SIGNAL stops the part.
launch_part() {
    local name=$1 signal=$2
    shift 2
    ! part_is_up "$name" || return 0
    setsid -- env --default-signal=INT,QUIT "$@" >>"$LOGS/$name.log" 2>&1 </dev/null &
    PID=$!
    if [[ $name == tellercastd ]]; then
        STARTED+=("$PID $signal")
    else
        SERVERS+=("$PID $signal")
    fi
    echo "$PID $(started_at "$PID")" >"$DATA/run/$name.pid.new"
    mv -f "$DATA/run/$name.pid.new" "$DATA/run/$name.pid"
}

let_parts_live() { STARTED=() SERVERS=(); }

# need_port PART PORT FILE: fails when the part is not running and another program has its port.
need_port() {
    ! part_is_up "$1" || return 0
    ! is_listening "$2" ||
        fail "port $2, which $1 needs, is in use by another program: end that program, or write another port into $3"
}

# keep_port NAME PORT: prints the port that the data folder keeps: PORT if it was free at the first start, else a free
# one.
keep_port() {
    local file=$DATA/$1.port
    if [[ ! -e $file ]]; then
        PORT=$2
        ! is_listening "$PORT" || find_free_port
        echo "$PORT" >"$file"
    fi
    cat "$file"
}

# write_daemon_settings FOLDER OPERATIONS_PORT HTTP_PORT EST_PORT
write_daemon_settings() {
    cat <<END
# Written by the first ./run up. Edit it as you like: ./run does not change what you wrote.
data_folder: $(quote_yaml "$1/data")
$(database_settings "$1")
$(orchestrator_settings "$@")
redis: $(redis_settings "$1")
$(socket_settings "$1")

END
    cat "$ROOT/config/examples/calendars.yaml"
}

database_settings() {
    printf 'database: %s\n' "$(quote_yaml "$(database_of "$1" tellercast_run)")"
    printf 'database_migration: %s' "$(quote_yaml "$(database_of "$1" tellercast_migrate)")"
}

socket_settings() { printf 'socket: {path: %s}' "$(quote_yaml "$1/socket/tellercast.sock")"; }

# renew_lines FILE OLD NEW [OLD NEW ...]: replaces whole lines. Each pair is for one line that ./run wrote earlier.
renew_lines() {
    local file=$1 text line renewed found=no i
    local -a pairs=("${@:2}")
    while IFS= read -r line || [[ -n $line ]]; do
        renewed=$line
        for ((i = 0; i < ${#pairs[@]}; i += 2)); do
            [[ $line != "${pairs[i]}" ]] || renewed=${pairs[i + 1]} found=yes
        done
        text+=$renewed$'\n'
    done <"$file"
    [[ $found == yes ]] || return 0
    printf '%s' "$text" >"$file.new" && mv "$file.new" "$file"
    say "$file: ./run replaced lines that it had written, by those of this version"
}

# with_tokens FOLDER LINE: prints the line of the HTTP endpoint as an earlier ./run up wrote it, with a file of tokens.
with_tokens() {
    printf '%s, tokens_file: %s, certificate_file%s' "${2%%, certificate_file*}" "$(quote_yaml "$1/tokens")" "${2#*, certificate_file}"
}

# renew_daemon_settings FILE FOLDER OPERATIONS_PORT HTTP_PORT EST_PORT: an earlier ./run up let everybody in, had a file of
# tokens, no EST, and its socket where only root can make one. HAS_EST=yes: it had EST, and a person who took that out does not get it
# back.
renew_daemon_settings() {
    local file=$1 old_port='' broker http open_http est
    local -a more=()
    shift
    [[ ! -e $1/mosquitto.port ]] || old_port=$(<"$1/mosquitto.port")
    { read -r broker && read -r http && read -r est || true; } < <(orchestrator_settings "$@")
    open_http="${http%, device_issuer_file:*}}" # stays so: its agents may not show certificates at downloads yet
    more=("$(with_tokens "$1" "$open_http")" "$open_http")
    [[ $HAS_EST == yes ]] || grep -q '^est:' "$file" ||
        more=("$open_http" "$open_http"$'\n'"$est" "$(with_tokens "$1" "$open_http")" "$open_http"$'\n'"$est")
    renew_lines "$file" "database: $(quote_yaml "$(database_of "$1" tellercast)")" "$(database_settings "$1")" \
        "redis: {socket: $(quote_yaml "$1/redis/redis.sock")}" "redis: $(redis_settings "$1")" \
        "broker: {port: $old_port, user: orchestrator}" "$broker" \
        "http: {port: $3, public_url: \"http://127.0.0.1:$3\"}" "$http"$'\n'"$est" \
        "$(with_tokens "$1" "$http")" "$http" \
        "socket: {path: $(quote_yaml "$1/tellercast.sock")}" "$(socket_settings "$1")" "${more[@]}"
}

# Keeps existing settings; warns when they do not have the ports of the data folder, or reach the servers as nobody may any
# more.
keep_daemon_settings() {
    local file=$1/tellercastd.yaml
    if [[ ! -e $file ]]; then
        write_daemon_settings "$@" >"$file.new" && mv "$file.new" "$file"
        return
    fi
    renew_daemon_settings "$file" "$@"
    { grep -q "port: $2\b" "$file" && grep -q "port: $3\b" "$file"; } ||
        say "$file is kept, but lacks port $2 of the broker ($1/operations.port) or port $3 of HTTP ($1/http.port):" \
            "change the settings or the port files"
    grep -q "port: $4\b" "$file" ||
        say "$file is kept, but lacks port $4 of EST ($1/est.port): devices cannot enrol there"
    grep -q "user: $REDIS_USER\b" "$file" ||
        say "$file lacks the user of Redis, without which its cache is not used: set redis: $(redis_settings "$1")"
}

# write_environment FOLDER OPERATIONS_PORT HTTP_PORT: the environment in which the command reaches this installation.
write_environment() {
    operator_environment "$@"
    printf 'export PATH=%q:"%s"\n' "$BIN" "\$PATH"
}

# is_ready PORT FOLDER
is_ready() { curl -qfs --noproxy '*' --max-time 2 --cacert "$(trust_of "$2")" "https://127.0.0.1:$1/readyz"; }

open_data_folder() {
    ((${#DATA} <= 70)) || fail "the path $DATA is too long for the names of Unix sockets (70 characters)"
    [[ $DATA != *[[:cntrl:],]* ]] ||
        fail "the path $DATA has a comma or a control character, which PostgreSQL does not accept"
    mkdir -p -- "$DATA/run" "$DATA/logs"
    DATA=$(cd -- "$DATA" && pwd)
    chmod 711 "$DATA"
    chmod 700 "$DATA/run" "$DATA/logs"
    LOGS=$DATA/logs
}

# Stops the parts of an earlier version, whose daemon ran as root, and whose servers let in no other user.
stop_earlier_parts() {
    [[ ! -d $DATA/run || -d $DATA/socket ]] || stop_parts
}

installation_up() {
    setup_packages build run
    build_preset release
    stop_earlier_parts
    open_data_folder
    have_daemon_user
    local devices operations http est HAS_EST=no
    [[ ! -e $DATA/est.port ]] || HAS_EST=yes
    devices=$(keep_port devices 8883) operations=$(keep_port operations 8884) http=$(keep_port http 8080)
    est=$(keep_port est 8085)
    need_port mosquitto "$devices" "$DATA/devices.port"
    need_port mosquitto "$operations" "$DATA/operations.port"
    need_port tellercastd "$http" "$DATA/http.port"
    need_port tellercastd "$est" "$DATA/est.port"
    export LASTING=yes
    make_credentials "$DATA"
    write_guard "$DATA" "$devices" "$operations"
    write_redis_access "$DATA"
    keep_daemon_settings "$DATA" "$operations" "$http" "$est"
    give_to_daemon "$DATA"
    write_environment "$DATA" "$operations" "$http" >"$DATA/environment"
    launch_part postgres INT scripts/server postgres "$DATA/postgres"
    server_is_up postgres "$PID" postgres_is_ready "$DATA"
    launch_part redis TERM scripts/server redis "$DATA/redis"
    server_is_up redis "$PID" redis_is_ready "$DATA"
    launch_part mosquitto TERM scripts/server mosquitto "$DATA/mosquitto"
    server_is_up mosquitto "$PID" owns_ports "$devices" "$operations"
    make_database "$DATA" "$DATA/tellercastd.yaml"
    launch_part tellercastd TERM env -i "${ENVIRONMENT[@]}" "${AS_DAEMON[@]}" -- "$DATA/bin/tellercastd" \
        --config "$DATA/tellercastd.yaml"
    server_is_up tellercastd "$PID" tellercastd_is_ready "$http" "$DATA"
    make_people "$DATA" "$DATA/tellercastd.yaml" "$http"
    let_parts_live
    write_trusted_keys "$DATA"
    write_agent_example "$devices" "$est"
    done_line "Tellercast is up"
    installation_addresses
}

# write_agent_example DEVICE_PORT EST_PORT
write_agent_example() {
    local folder
    folder=$(printf %q "$DATA/agent")
    {
        cat <<END
# Settings of an agent on this machine. In the shell environment of $DATA/environment:
#   tellercast fleet import $(printf %q "$ROOT/config/examples/fleet-small.yaml")
#   mkdir -p $folder
#   (umask 077 && tellercast device enroll B0001-A1 --quiet --token-file $(printf %q "$DATA/$ADMIN-token") >$folder/code)
#   tellercast-atm --config $folder.yaml
END
        agent_settings "$DATA" "$1" "$2" "$DATA/agent" B0001-A1 B0001
    } >"$DATA/new"
    put_file "$DATA" "$DATA/agent.yaml"
}

installation_addresses() {
    say "  HTTP         https://127.0.0.1:$(cat "$DATA/http.port")"
    say "  MQTT broker  127.0.0.1:$(cat "$DATA/devices.port") for devices, $(cat "$DATA/operations.port") for operators"
    say "  enrolment    https://127.0.0.1:$(cat "$DATA/est.port") by EST; $DATA/agent.yaml shows how an agent enrols"
    say "  certificates $DATA/pki"
    say "  socket       $DATA/socket/tellercast.sock"
    say "  settings     $DATA/tellercastd.yaml"
    say "  logs         $DATA/logs"
    say "  to use it    . $(printf %q "$DATA/environment") && tellercast help"
}

installation_down() {
    stop_parts
    say "Tellercast is down; its data is kept in $DATA"
}

stop_parts() {
    local name signal
    for name in tellercastd mosquitto redis postgres; do
        if part_is_up "$name"; then
            signal=TERM
            [[ $name != postgres ]] || signal=INT
            stop_process "$PID" "$signal"
            done_line "$name stopped"
        fi
        rm -f "$DATA/run/$name.pid"
    done
}

installation_status() {
    local name code=0
    for name in $PARTS; do
        if part_is_up "$name"; then
            done_line "$name runs, process $PID"
        else
            failed_line "$name does not run"
            code=1
        fi
    done
    if ((code == 0)); then
        if tellercastd_is_ready "$PID" "$(cat "$DATA/http.port")" "$DATA" >/dev/null; then
            done_line "ready"
        else
            failed_line "not ready"
            code=1
        fi
        installation_addresses
    fi
    return "$code"
}

# installation up|down|status [--data FOLDER]
installation() {
    local verb=$1
    shift
    DATA=$(default_data_folder)
    while (($# > 0)); do
        case $1 in
        --data=?*) DATA=${1#*=} && shift ;;
        --data | --data=)
            [[ $1 == --data && -n ${2:-} ]] || refuse "$verb: --data needs a folder"
            DATA=$2 && shift 2
            ;;
        *) refuse "$verb: unexpected argument $1" ;;
        esac
    done
    [[ $DATA == /* ]] || DATA=$PWD/$DATA
    if [[ $verb != up && ! -d $DATA/run ]]; then
        say "there is no installation in $DATA"
        [[ $verb == down ]]
        return
    fi
    "installation_$verb"
}
