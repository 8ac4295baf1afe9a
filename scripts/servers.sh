# Starts the three servers that the orchestrator needs, and checks that they are ready.
# shellcheck shell=bash

# Quote a text for libpq and for YAML.
quote_libpq() {
    local text=${1//\\/\\\\}
    printf "'%s'" "${text//\'/\\\'}"
}
quote_yaml() { printf "'%s'" "${1//\'/\'\'}"; }

# database_of FOLDER ROLE [NAME]: prints a database's connection string. The role is `tellercast`, the administrator, or one
# of packaging/roles.sql. Without a port, Debian's psql would use the port of the machine's own PostgreSQL.
database_of() {
    printf 'host=%s port=5432 user=%s dbname=%s' "$(quote_libpq "$1/postgres")" "$2" "${3:-tellercast}"
}

# libpq takes from these variables what a connection string does not say: PGHOSTADDR, PGOPTIONS and others.
unset "${!PG@}"

query() { psql -X -q -A -t -P pager=off -v ON_ERROR_STOP=1 -d "$1" -c "$2"; }

# KIND_is_ready PID ...: the server answers, and is this process.
postgres_is_ready() {
    local pid
    read -r pid <"$2/postgres/data/postmaster.pid" && [[ $pid == "$1" ]] &&
        query "$(database_of "$2" tellercast postgres)" 'SELECT 1'
}
redis_is_ready() {
    REDISCLI_AUTH=$(<"$2/redis-password") redis-cli -s "$2/redis/redis.sock" --user "$REDIS_USER" info server |
        tr -d '\r' | grep -x "process_id:$1" >/dev/null
}
# tellercastd_is_ready PID PORT FOLDER
tellercastd_is_ready() { owns_port "$1" "$2" && is_ready "$2" "$3"; }

# make_database FOLDER SETTINGS: creates the database if it does not exist, gives it to its roles, and brings it to the
# version of these programs. SETTINGS are those of tellercastd.
make_database() {
    local database
    database=$(database_of "$1" tellercast postgres)
    [[ $(query "$database" "SELECT 1 FROM pg_database WHERE datname = 'tellercast'") == 1 ]] ||
        query "$database" 'CREATE DATABASE tellercast'
    psql -X -q -v whole_server=yes -d "$(database_of "$1" tellercast)" -f "$ROOT/packaging/roles.sql" \
        >>"$LOGS/migrate.log" 2>&1 &&
        "$BIN/tellercastd" migrate --config "$2" >>"$LOGS/migrate.log" 2>&1 ||
        fail "the database cannot be brought to this version; see $LOGS/migrate.log"
}

REDIS_USER=tellercast

# put_file FOLDER FILE: moves FOLDER/new to FILE, which may be in a folder of another user: it replaces a link there.
put_file() { mv -fT -- "$1/new" "$2"; }

# The settings by which tellercastd reaches Redis. It is the only user, and its password is made once.
redis_settings() {
    printf '{socket: %s, user: %s, password_file: %s}' "$(quote_yaml "$1/redis/redis.sock")" "$REDIS_USER" \
        "$(quote_yaml "$1/redis-password")"
}

# write_redis_access FOLDER: writes the users of Redis.
write_redis_access() {
    mkdir -p -- "$1/redis"
    if [[ ! -s $1/redis-password ]]; then
        (umask 077 && od -An -vtx1 -N32 /dev/urandom | tr -d ' \n' >"$1/new")
        put_file "$1" "$1/redis-password"
    fi
    echo "redis: $(redis_settings "$1")" >"$1/redis-settings"
    "$BIN/tellercastd" --config "$1/redis-settings" --print-redis-acl >"$1/new"
    put_file "$1" "$1/redis/users.acl"
    rm -f -- "$1/redis-settings"
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

# start_servers FOLDER: starts the three in parallel; sets DEVICE_PORT and OPERATIONS_PORT, those of the broker.
start_servers() {
    local folder=$1 postgres redis mosquitto
    find_free_port && DEVICE_PORT=$PORT
    find_free_port && OPERATIONS_PORT=$PORT
    have_daemon_user
    make_credentials "$folder"
    write_guard "$folder" "$DEVICE_PORT" "$OPERATIONS_PORT"
    write_redis_access "$folder"
    start_server postgres INT scripts/server postgres "$folder/postgres" && postgres=$PID
    start_server redis TERM scripts/server redis "$folder/redis" && redis=$PID
    start_server mosquitto TERM scripts/server mosquitto "$folder/mosquitto" && mosquitto=$PID
    server_is_up redis "$redis" redis_is_ready "$folder"
    server_is_up mosquitto "$mosquitto" owns_ports "$DEVICE_PORT" "$OPERATIONS_PORT"
    server_is_up postgres "$postgres" postgres_is_ready "$folder"
}
