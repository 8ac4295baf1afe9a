# What lets each party of an installation prove who it is: certificates and the tokens of people, made on the spot, and
# the broker's guard. FOLDER is the installation's: the authorities are in FOLDER/pki, the certificates in
# FOLDER/certificates.
# shellcheck shell=bash

ORCHESTRATOR=tellercastd OPERATOR=operator # the IDs in their certificates; OPERATOR is a person, too
ADMIN="admin"

# trust_of FOLDER: prints the trust file of all who connect to the broker or to HTTP.
trust_of() { printf '%s/pki/operations/trust.pem' "$1"; }

# pki COMMAND ...: runs `tellercast pki`, and shows its output only if it fails.
pki() {
    local said
    said=$("$BIN/tellercast" --quiet pki "$@" 2>&1) || fail "the certificates cannot be made: $said"
}

# have_certificate FOLDER KIND ID [OPTION ...]: makes the certificate FOLDER/certificates/ID, and renews it when half a
# year old. It is valid for a year.
have_certificate() {
    local folder=$1 kind=$2 id=$3 own=$1/certificates/$3
    shift 3
    if [[ ! -e $own/cert.pem ]]; then
        pki issue "$folder/pki" --kind "$kind" --id "$id" --out "$own" "$@"
    elif [[ -n $(find "$own/cert.pem" -mtime +180) ]]; then
        pki renew "$folder/pki" "$own/cert.pem"
    fi
}

# make_credentials FOLDER: the authorities, and the certificates of the broker, the orchestrator and the operator.
make_credentials() {
    if [[ ! -e $1/pki ]]; then
        rm -rf -- "$1/pki.new"
        pki init "$1/pki.new" --name Tellercast
        mv -- "$1/pki.new" "$1/pki"
    fi
    have_certificate "$1" server broker --ip 127.0.0.1 --dns localhost
    have_certificate "$1" orchestrator "$ORCHESTRATOR" --ip 127.0.0.1 --dns localhost
    have_certificate "$1" operator "$OPERATOR"
}

# as_person FOLDER HTTP_PORT PERSON COMMAND ...: runs `tellercast` with the token FOLDER/PERSON-token.
as_person() {
    local server=https://127.0.0.1:$2 trust token=$1/$3-token
    trust=$(trust_of "$1")
    shift 3
    "$BIN/tellercast" --server "$server" --ca-file "$trust" --token-file "$token" "$@"
}

is_person() { [[ -s $1/$3-token ]] && as_person "$@" person show >/dev/null 2>&1; }

# make_admin FOLDER SETTINGS HTTP_PORT
make_admin() {
    (umask 077 && "${AS_DAEMON[@]}" -- "$1/bin/tellercastd" admin create "$ADMIN" --config "$2" >"$1/new" 2>"$1/admin.log") ||
        fail "the admin cannot be made: $(<"$1/admin.log")"
    mv -- "$1/new" "$1/$ADMIN-token"
    wait_until 10 is_person "$1" "$3" "$ADMIN" || fail "the orchestrator does not know the admin"
}

# make_people FOLDER SETTINGS HTTP_PORT: an admin, and the operator, who may submit by each endpoint.
make_people() {
    local admin=("$1" "$3" "$ADMIN" --quiet) told
    ! is_person "$1" "$3" "$OPERATOR" || return 0
    is_person "$1" "$3" "$ADMIN" || make_admin "$@"
    as_person "${admin[@]}" person show "$OPERATOR" >/dev/null 2>&1 || as_person "${admin[@]}" person create "$OPERATOR"
    told=$(as_person "${admin[@]}" person grant "$OPERATOR" operator 2>&1 &&
        as_person "${admin[@]}" person link "$OPERATOR" certificate "$OPERATOR" 2>&1 &&
        as_person "${admin[@]}" person link "$OPERATOR" unix_user "$(id -un)" 2>&1) ||
        fail "the operator cannot be made: $told"
    (umask 077 && as_person "${admin[@]}" token create "$OPERATOR" --valid-for 365d >"$1/new") ||
        fail "the operator's token cannot be made"
    mv -- "$1/new" "$1/$OPERATOR-token"
    wait_until 10 is_person "$1" "$3" "$OPERATOR" || fail "the orchestrator does not know the operator"
}

# put_copy FOLDER SOURCE FILE: copies a file to FILE, which may be in a folder of another user, unless it is the same.
put_copy() {
    cmp -s -- "$2" "$3" || { cp -- "$2" "$1/new" && put_file "$1" "$3"; }
}

# write_guard FOLDER DEVICE_PORT OPERATIONS_PORT: gives mosquitto its certificate, the authorities that it trusts, the
# guard and the settings with both listeners.
write_guard() {
    local own=$1/mosquitto
    mkdir -p -- "$own"
    put_copy "$1" "$1/certificates/broker/cert.pem" "$own/server.pem"
    put_copy "$1" "$1/certificates/broker/key.pem" "$own/server.key"
    put_copy "$1" "$1/pki/devices/trust.pem" "$own/devices.pem"
    put_copy "$1" "$1/pki/operations/trust.pem" "$own/operations.pem"
    put_copy "$1" "$GUARD" "$own/guard.so"
    "$BIN/tellercast" broker guard --plugin "$own/guard.so" --state "$own" --device-port "$2 127.0.0.1" \
        --operations-port "$3 127.0.0.1" --device-issuer "$own/devices.pem" --operations-issuer "$own/operations.pem" \
        --server-certificate "$own/server.pem" --server-key "$own/server.key" >"$1/new" ||
        fail "the broker's settings cannot be written"
    put_file "$1" "$own/guard.conf"
}

# client_settings FOLDER ID: prints the settings `broker` of a client with a certificate of FOLDER, except its port.
client_settings() {
    printf 'ca_file: %s, certificate_file: %s, key_file: %s' "$(quote_yaml "$(trust_of "$1")")" \
        "$(quote_yaml "$1/certificates/$2/cert.pem")" "$(quote_yaml "$1/certificates/$2/key.pem")"
}

# orchestrator_settings FOLDER OPERATIONS_PORT HTTP_PORT EST_PORT: prints the settings `broker`, `http` and `est` of the
# orchestrator, a line each.
orchestrator_settings() {
    local own key
    own=$(quote_yaml "$1/certificates/$ORCHESTRATOR/cert.pem")
    key=$(quote_yaml "$1/certificates/$ORCHESTRATOR/key.pem")
    printf 'broker: {port: %s, user: %s, guard: tellercast, %s}\n' "$2" "$ORCHESTRATOR" "$(client_settings "$1" "$ORCHESTRATOR")"
    printf 'http: {port: %s, public_url: "https://127.0.0.1:%s", certificate_file: %s, key_file: %s' "$3" "$3" "$own" "$key"
    printf ', device_issuer_file: %s}\n' "$(quote_yaml "$1/pki/devices/trust.pem")"
    printf 'est: {port: %s, certificate_file: %s, key_file: %s, device_issuer_certificate_file: %s, device_issuer_key_file: %s}' \
        "$4" "$own" "$key" "$(quote_yaml "$1/pki/devices/cert.pem")" "$(quote_yaml "$1/pki/devices/key.pem")"
}

# operator_environment FOLDER OPERATIONS_PORT HTTP_PORT: prints the variables by which `tellercast` reaches the
# orchestrator as the operator, in the form of a shell.
operator_environment() {
    local own=$1/certificates/$OPERATOR
    printf 'export %s=%q\n' TELLERCAST_SERVER "https://127.0.0.1:$3" TELLERCAST_TOKEN_FILE "$1/$OPERATOR-token" \
        TELLERCAST_CA_FILE "$(trust_of "$1")" TELLERCAST_BROKER "mqtts://127.0.0.1:$2" TELLERCAST_USER "$OPERATOR" \
        TELLERCAST_CERTIFICATE_FILE "$own/cert.pem" TELLERCAST_KEY_FILE "$own/key.pem" \
        TELLERCAST_SOCKET "$1/socket/tellercast.sock"
}
