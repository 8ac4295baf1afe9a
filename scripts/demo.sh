# The demo: three rollouts, each by another endpoint, to a simulated fleet and some real clients.
# shellcheck shell=bash

SUITE=terminal-suite NEW_VERSION=5.0.0 OLD_VERSION=4.9.1
REAL_BRANCH=B99999
REAL_ATMS="$REAL_BRANCH-A1 $REAL_BRANCH-A2 $REAL_BRANCH-A3"
REAL_PULL="P99998 P99999"
REGIONS=(emea americas apac) # one rollout each
ENDPOINTS=(http mqtt socket)

write_real_fleet() {
    cat <<END
apiVersion: tellercast/v1
kind: Fleet
branches:
  - {id: $REAL_BRANCH, name: Demo Street, zone: Europe/Berlin, labels: {region: emea, site: branch}}
devices:
  - {id: $REAL_BRANCH, branch: $REAL_BRANCH, role: node, versions: {$SUITE: $OLD_VERSION}}
  - {id: $REAL_BRANCH-A1, branch: $REAL_BRANCH, role: atm, versions: {$SUITE: $OLD_VERSION}}
  - {id: $REAL_BRANCH-A2, branch: $REAL_BRANCH, role: atm, versions: {$SUITE: $OLD_VERSION}}
  - {id: $REAL_BRANCH-A3, branch: $REAL_BRANCH, role: atm, versions: {$SUITE: $OLD_VERSION}}
  - {id: P99998, role: pull, zone: America/Sao_Paulo, labels: {region: americas, site: offsite}, versions: {$SUITE: $OLD_VERSION}}
  - {id: P99999, role: pull, zone: Asia/Tokyo, labels: {region: apac, site: offsite}, versions: {$SUITE: $OLD_VERSION}}
END
}

# write_plan REGION: a tenth of the region first; at most five devices of a branch at once.
write_plan() {
    cat <<END
apiVersion: tellercast/v1
kind: Rollout
metadata: {name: $SUITE-$NEW_VERSION-$1, change: CHG0041822}
spec:
  action: install
  artifact: {name: $SUITE, version: $NEW_VERSION}
  selector:
    matchLabels: {region: $1}
  disruptionBudget: {per: branch, maxUnavailable: 5}
  groups:
    - {name: pilot, percentage: 10%, success: 100%}
    - {name: rest, percentage: 100%, success: 100%}
END
}

write_demo_daemon() {
    cat <<END
data_folder: $SCRATCH/data
database: $(quote_yaml "$(database_of "$SCRATCH" tellercast_run)")
database_migration: $(quote_yaml "$(database_of "$SCRATCH" tellercast_migrate)")
$(orchestrator_settings "$SCRATCH" "$OPERATIONS_PORT" "$1" "$EST_PORT")
redis: $(redis_settings "$SCRATCH")
socket: {path: $SCRATCH/socket/tellercast.sock}
scheduler: {period: 250ms}
conductor: {period: 250ms, progress_period: 500ms}
END
}

# start_client ROLE DEVICE [BRANCH]: the client makes its key, and gets its certificate with a code.
start_client() {
    local own=$SCRATCH/clients/$2
    mkdir -p "$own/installed"
    (umask 077 && "$BIN/tellercast" --quiet --token-file "$SCRATCH/$ADMIN-token" device enroll "$2" >"$own/code") || fail "$2 gets no enrolment code"
    {
        agent_settings "$SCRATCH" "$DEVICE_PORT" "$EST_PORT" "$own" "$2" "${3:-}"
        echo 'report: {progress_period: 200ms}'
    } >"$own.yaml"
    start_process "demo-$2" TERM "$BIN/tellercast-$1" --config "$own.yaml"
}

is_connected() { grep -q 'broker.connected' "$LOGS/demo-$1.log"; }

start_real_clients() {
    local device
    start_client node "$REAL_BRANCH" "$REAL_BRANCH"
    for device in $REAL_ATMS; do start_client atm "$device" "$REAL_BRANCH"; done
    for device in $REAL_PULL; do start_client pull "$device"; done
    for device in $REAL_BRANCH $REAL_ATMS $REAL_PULL; do
        wait_until 30 is_connected "$device" || fail "the client $device did not connect; see $LOGS/demo-$device.log"
    done
}

start_orchestrator() {
    local port
    find_free_port && port=$PORT
    find_free_port && EST_PORT=$PORT
    mkdir -p "$SCRATCH/clients"
    give_to_daemon "$SCRATCH"
    write_demo_daemon "$port" >"$SCRATCH/tellercastd.yaml"
    make_database "$SCRATCH" "$SCRATCH/tellercastd.yaml"
    start_process demo-tellercastd TERM env -i "${ENVIRONMENT[@]}" "TELLERCAST_RUN=$RUN_ID" "${AS_DAEMON[@]}" \
        --pdeathsig TERM -- "$SCRATCH/bin/tellercastd" --config "$SCRATCH/tellercastd.yaml"
    server_is_up demo-tellercastd "$PID" tellercastd_is_ready "$port" "$SCRATCH"
    make_people "$SCRATCH" "$SCRATCH/tellercastd.yaml" "$port"
    eval "$(operator_environment "$SCRATCH" "$OPERATIONS_PORT" "$port")"
    write_trusted_keys "$SCRATCH"
}

start_simulated_fleet() {
    "$BIN/tellercast" fleet generate --branches $((DEVICES / 10)) --atms 9 --format yaml >"$SCRATCH/fleet.yaml"
    cat >"$SCRATCH/behaviour.yaml" <<'END'
rules:
  - match: {role: any}
    receive: {min: 10ms, max: 100ms}
    install: {min: 200ms, max: 1500ms}
END
    start_process demo-fleet TERM "$BIN/tellercast-fleet" --fleet "$SCRATCH/fleet.yaml" \
        --behaviour "$SCRATCH/behaviour.yaml" --broker "127.0.0.1:$DEVICE_PORT" --ca-file "$(trust_of "$SCRATCH")" \
        --device-authority "$SCRATCH/pki/devices" --keys "$SCRATCH/trusted-keys.json" \
        --control "$SCRATCH/fleet.sock" --report "$SCRATCH/fleet-report.json"
}

# Sends a JSON request, one line, to the fleet's control socket. Every Debian has perl.
ask_fleet() {
    perl -MIO::Socket::UNIX -e '
        my $socket = IO::Socket::UNIX->new(Peer => $ARGV[0]) or exit 1;
        print $socket "$ARGV[1]\n";
        exit(<$socket> =~ /"ok": ?true/ ? 0 : 1);' "$SCRATCH/fleet.sock" "$1"
}

# The fleet keeps at most as many devices connected at once as it may open files.
wait_for_simulated_fleet() {
    local connected=$DEVICES most
    most=$(($(ulimit -n) - 300))
    ((connected <= most)) || connected=$most
    wait_until 30 test -S "$SCRATCH/fleet.sock" || fail "the simulated fleet did not start; see $LOGS/demo-fleet.log"
    attend ask_fleet "{\"do\":\"wait\",\"connected\":$connected,\"timeout_ms\":120000}" ||
        fail "the simulated fleet did not connect; see $LOGS/demo-fleet.log"
}

# talk TEXT COMMAND ...: runs a command, and shows its output only if it fails.
talk() {
    local text=$1
    shift
    if attend "$@" >"$SCRATCH/talk" 2>&1 </dev/null; then
        done_line "$text"
    else
        failed_line "$text"
        show_log "$SCRATCH/talk"
        exit 1
    fi
}

submit_rollouts() {
    local i plan
    ROLLOUTS=()
    for i in 0 1 2; do
        plan=$SCRATCH/plan-${REGIONS[i]}.yaml
        write_plan "${REGIONS[i]}" >"$plan"
        ROLLOUTS+=("$("$BIN/tellercast" --quiet rollout submit --via "${ENDPOINTS[i]}" "$plan")") ||
            fail "the ${ENDPOINTS[i]} endpoint refused the plan"
        done_line "rollout ${ROLLOUTS[i]}: region ${REGIONS[i]}, submitted by ${ENDPOINTS[i]}"
    done
}

# Prints the counts by state, from the database.
show_states() {
    local row='  %-8s %-8s %-9s %8s %10s %7s %9s %10s %6s %8s %7s'
    title "From the database"
    # shellcheck disable=SC2059
    printf "$row\n" rollout endpoint region devices completed failed rejected timed_out other seconds dev./s
    query "$DATABASE" "
        SELECT format('$row', r.id, r.door, r.plan #>> '{spec,selector,matchLabels,region}', count(*),
                      count(*) FILTER (WHERE s.name = 'completed'), count(*) FILTER (WHERE s.name = 'failed'),
                      count(*) FILTER (WHERE s.name = 'rejected'), count(*) FILTER (WHERE s.name = 'timed_out'),
                      count(*) FILTER (WHERE s.name NOT IN ('completed', 'failed', 'rejected', 'timed_out')),
                      round(extract(epoch FROM max(i.ended_at) - r.submitted_at), 1),
                      round(count(*) / extract(epoch FROM max(i.ended_at) - r.submitted_at)))
        FROM rollout r JOIN instruction i ON i.rollout_id = r.id JOIN instruction_state s ON s.state = i.state
        GROUP BY r.id ORDER BY r.id"
    query "$DATABASE" "
        SELECT format('  %s devices in %s s from the first order to the last completed: %s a second', count(*),
                      round(t.seconds, 1), round(count(*) / t.seconds))
        FROM instruction,
             (SELECT extract(epoch FROM max(i.ended_at) - min(r.submitted_at)) AS seconds
              FROM rollout r JOIN instruction i ON i.rollout_id = r.id) t
        GROUP BY t.seconds"
}

# check TEXT FOUND EXPECTED
check() {
    if [[ $2 == "$3" ]]; then
        done_line "$1"
    else
        failed_line "$1: found $2, expected $3"
        CHECKS_FAILED=$((CHECKS_FAILED + 1))
    fi
}

check_outcome() {
    local device digest right=0
    CHECKS_FAILED=0
    title "Checks"
    check "every one of $((DEVICES + 6)) instructions is completed" \
        "$(query "$DATABASE" "SELECT count(*) FROM instruction JOIN instruction_state s USING (state) WHERE s.name = 'completed'")" \
        "$((DEVICES + 6))"
    check "every device reports $SUITE $NEW_VERSION" \
        "$(query "$DATABASE" "SELECT count(*) FROM device WHERE versions ->> '$SUITE' = '$NEW_VERSION'")" \
        "$((DEVICES + 6))"
    check "no instruction needed a second attempt" \
        "$(query "$DATABASE" "SELECT count(*) FROM instruction WHERE attempt > 1")" 0
    check "the six real clients enrolled: each has a certificate from tellercastd for a key of its own" \
        "$(query "$DATABASE" "SELECT count(DISTINCT used_key) FROM enrolment JOIN device_certificate USING (device) WHERE used_at IS NOT NULL")" 6
    digest=$(sha256sum <"$SCRATCH/artifact")
    for device in $REAL_BRANCH $REAL_ATMS $REAL_PULL; do
        [[ $(sha256sum <"$SCRATCH/clients/$device/installed/$SUITE") != "$digest" ]] || right=$((right + 1))
    done 2>/dev/null
    check "the six real clients have the new file, byte for byte" "$right" 6
}

read_demo_arguments() {
    DEVICES=2000
    while (($# > 0)); do
        case $1 in
        --devices=*) DEVICES=${1#*=} && shift ;;
        --devices) DEVICES=${2:-} && shift $(($# > 1 ? 2 : 1)) ;;
        *) refuse "demo: unexpected argument $1" ;;
        esac
    done
    [[ $DEVICES =~ ^[1-9][0-9]{0,5}$ ]] && ((DEVICES % 10 == 0)) ||
        fail "--devices: found \"$DEVICES\", allowed: 10 to 999990, in tens (a branch is a node and nine ATMs)"
}

demo() {
    local code=0
    read_demo_arguments "$@"
    setup_packages build run
    build_preset release
    open_scratch
    LOGS=$ROOT/build/logs/demo
    rm -rf "$LOGS"

    title "Servers, orchestrator and fleet"
    start_servers "$SCRATCH"
    DATABASE=$(database_of "$SCRATCH" tellercast_read)
    done_line "PostgreSQL, Redis and mosquitto, private to this demo"
    start_orchestrator
    done_line "tellercastd at $TELLERCAST_SERVER"
    head -c 3000000 /dev/urandom >"$SCRATCH/artifact"
    talk "artifact $SUITE $NEW_VERSION stored, 3 MB" \
        "$BIN/tellercast" artifact add "$SCRATCH/artifact" --name "$SUITE" --version "$NEW_VERSION"
    start_simulated_fleet
    write_real_fleet >"$SCRATCH/real.yaml"
    talk "fleet imported: $DEVICES simulated devices in $((DEVICES / 10)) branches over 8 time zones" \
        "$BIN/tellercast" fleet import "$SCRATCH/fleet.yaml"
    talk "fleet imported: a branch of real clients and two real pull clients" \
        "$BIN/tellercast" fleet import "$SCRATCH/real.yaml"
    start_real_clients
    done_line "real clients enrolled by EST with a code each, and connected: a node, three ATMs, two pull clients"
    wait_for_simulated_fleet
    done_line "simulated fleet connected, each device with its own MQTT session"

    title "Three rollouts, one by each endpoint"
    submit_rollouts
    title "Progress"
    attend "$BIN/tellercast" rollout watch --timeout 30m "${ROLLOUTS[@]}" || code=$?
    show_states
    check_outcome
    if ((code != 0 || CHECKS_FAILED > 0)); then
        fail "the demo failed; logs are in $LOGS"
    fi
    done_line "${BOLD}all checks passed$PLAIN"
}
