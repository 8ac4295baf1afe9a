# tellercastd in an installation. Under root it runs as a user of its own, who owns what it keeps secret and what it
# writes, and nothing else.
# shellcheck shell=bash

DAEMON_USER=tellercast # as in packaging/sysusers.conf
AS_DAEMON=(setpriv)    # how to become that user: a command that other options of setpriv may follow
ENVIRONMENT=()         # of the program that runs as that user

# have_daemon_user: makes the user if there is none. Also tells scripts/server who may reach the servers' sockets.
have_daemon_user() {
    ((EUID != 0)) || make_daemon_user
    set_environment "$DAEMON_USER"
}

make_daemon_user() {
    umask 022 # what is not secret must be readable for the users of the servers
    id -u "$DAEMON_USER" >/dev/null 2>&1 ||
        useradd --system --user-group --no-create-home --home-dir /var/lib/tellercast --shell /usr/sbin/nologin \
            --comment "Tellercast orchestrator" "$DAEMON_USER" 2>/dev/null || id -u "$DAEMON_USER" >/dev/null 2>&1 ||
        fail "there is no user $DAEMON_USER, as whom tellercastd would run, and useradd cannot make one"
    AS_DAEMON=(setpriv "--reuid=$DAEMON_USER" "--regid=$DAEMON_USER" --init-groups)
    export CLIENT=$DAEMON_USER
}

# give_to_daemon FOLDER: gives the daemon its data folder, the folder of its socket, its program, and the keys and
# passwords that it reads. Their folders stay root's. The program is copied, since the daemon may not be allowed to
# look into the folder of the sources.
give_to_daemon() {
    local program=$BIN/tellercastd
    mkdir -p -- "$1/data" "$1/socket" "$1/bin"
    chmod 700 "$1/data"
    chmod 711 "$1/socket"
    put_copy "$1" "$program" "$1/bin/tellercastd"
    chmod 755 "$1/bin/tellercastd"
    ((EUID == 0)) || return 0
    chown -h "$DAEMON_USER:$DAEMON_USER" -- "$1/redis-password" "$1/certificates/$ORCHESTRATOR/key.pem" \
        "$1/pki/devices/key.pem"
    find "$1/data" "$1/socket" -xdev -user root \( -type d -o -links 1 \) \
        -exec chown -h "$DAEMON_USER:$DAEMON_USER" {} +
    "${AS_DAEMON[@]}" -- test -r "$(trust_of "$1")" || fail "the user $DAEMON_USER cannot reach $1"
}

# agent_settings FOLDER DEVICE_PORT EST_PORT AGENT_FOLDER DEVICE [BRANCH]: prints the settings of an agent on this machine
# that enrols with the code in AGENT_FOLDER/code, and keeps all its files in AGENT_FOLDER.
agent_settings() {
    local trust own
    trust=$(quote_yaml "$(trust_of "$1")")
    own=$4
    cat <<END
device: $5
${6:+branch: $6
}data_folder: $(quote_yaml "$own")
trusted_keys: $(quote_yaml "$1/trusted-keys.json")
broker: {port: $2, ca_file: $trust, certificate_file: $(quote_yaml "$own/cert.pem"), key_file: $(quote_yaml "$own/key.pem")}
enrolment: {url: "https://127.0.0.1:$3", ca_file: $trust, code_file: $(quote_yaml "$own/code")}
download: {ca_file: $trust}
actions: {install: $(quote_yaml "$BIN/tellercast-install-file")}
END
}

# write_trusted_keys FOLDER: writes the public keys that devices trust at first.
write_trusted_keys() {
    "$BIN/tellercast" key public "$1/data/signing-key.json" >"$1/new" || fail "the signing key cannot be read"
    put_file "$1" "$1/trusted-keys.json"
}
