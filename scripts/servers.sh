# Starts the three servers that the orchestrator needs, and checks that they are ready.
# shellcheck shell=bash

# Quote a text for libpq and for YAML.
quote_libpq() {
    local text=${1//\\/\\\\}
    printf "'%s'" "${text//\'/\\\'}"
}
quote_yaml() { printf "'%s'" "${1//\'/\'\'}"; }

# database_of FOLDER [NAME]: prints a database's connection string. Without a port, Debian's psql would use the port
# of the machine's own PostgreSQL.
database_of() { printf 'host=%s port=5432 user=tellercast dbname=%s' "$(quote_libpq "$1/postgres")" "${2:-tellercast}"; }

query() { psql -X -q -A -t -P pager=off -v ON_ERROR_STOP=1 -d "$1" -c "$2"; }

# KIND_is_ready PID ...: the server answers, and is this process.
postgres_is_ready() {
    local pid
    read -r pid <"$2/postgres/data/postmaster.pid" && [[ $pid == "$1" ]] &&
        query "$(database_of "$2" postgres)" 'SELECT 1'
}
redis_is_ready() { redis-cli -s "$2/redis/redis.sock" info server | tr -d '\r' | grep -x "process_id:$1" >/dev/null; }
tellercastd_is_ready() { owns_port "$1" "$2" && is_ready "$2"; }

# make_database FOLDER: creates the database if it does not exist.
make_database() {
    local database
    database=$(database_of "$1" postgres)
    [[ $(query "$database" "SELECT 1 FROM pg_database WHERE datname = 'tellercast'") == 1 ]] ||
        query "$database" 'CREATE DATABASE tellercast'
}

ORCHESTRATOR_USER=orchestrator

# write_acl FILE: writes the broker's access list. Its user `operator` may submit plans.
write_acl() {
    "$BIN/tellercast" broker acl --orchestrator "$ORCHESTRATOR_USER" --operator operator >"$1"
}

# server_is_up NAME PID COMMAND [ARGUMENT ...]: waits until the command succeeds, which gets PID as its first
# argument; fails when the process ends.
server_is_up() {
    local name=$1 pid=$2 ready=$3 deadline=$((SECONDS + 60))
    shift 3
    until "$ready" "$pid" "$@" >/dev/null 2>&1; do
        if ! is_running "$pid" || ((SECONDS >= deadline)); then
            failed_line "$name did not start" >&2
            show_log "$LOGS/$name.log" >&2
            exit 1
        fi
        sleep 0.05
    done
}

# start_servers FOLDER: starts the three in parallel; sets MOSQUITTO_PORT.
start_servers() {
    local folder=$1 postgres redis mosquitto
    mkdir -p -- "$folder/mosquitto"
    write_acl "$folder/mosquitto/acl"
    start_server postgres INT scripts/server postgres "$folder/postgres" && postgres=$PID
    start_server redis TERM scripts/server redis "$folder/redis" && redis=$PID
    find_free_port && export MOSQUITTO_PORT=$PORT
    start_server mosquitto TERM scripts/server mosquitto "$folder/mosquitto" && mosquitto=$PID
    server_is_up redis "$redis" redis_is_ready "$folder"
    server_is_up mosquitto "$mosquitto" owns_port "$MOSQUITTO_PORT"
    server_is_up postgres "$postgres" postgres_is_ready "$folder"
    make_database "$folder"
}
