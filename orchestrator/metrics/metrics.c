#include "orchestrator/metrics/metrics.h"

#include "base/fault.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stddef.h>

enum metric_type { COUNTER, GAUGE };

struct metric_row {
    const char *name; /* by Prometheus' rules: a counter ends in _total */
    enum metric_type type;
    const char *help;
};

/* clang-format off */
static const struct metric_row rows[METRIC_COUNT] = {
    [METRIC_ORDERS_ACCEPTED] = {"tellercast_orders_accepted_total", COUNTER,
        "Plans accepted as a rollout, at any endpoint."},
    [METRIC_ORDERS_REFUSED] = {"tellercast_orders_refused_total", COUNTER,
        "Plans refused, at any endpoint."},
    [METRIC_INSTRUCTIONS_PLANNED] = {"tellercast_instructions_planned_total", COUNTER,
        "Instructions created by the planner."},
    [METRIC_INSTRUCTIONS_CLAIMED] = {"tellercast_instructions_claimed_total", COUNTER,
        "Due instructions claimed by the scheduler."},
    [METRIC_STARTS_PUBLISHED] = {"tellercast_starts_published_total", COUNTER,
        "Start commands sent to nodes."},
    [METRIC_ASKS_RECEIVED] = {"tellercast_asks_received_total", COUNTER,
        "Asks received from devices."},
    [METRIC_ASKS_ANSWERED] = {"tellercast_asks_answered_total", COUNTER,
        "Asks answered with a signed instruction."},
    [METRIC_ASKS_EMPTY] = {"tellercast_asks_empty_total", COUNTER,
        "Asks answered without an instruction: the device has none now."},
    [METRIC_ASKS_UNKNOWN_DEVICE] = {"tellercast_asks_unknown_device_total", COUNTER,
        "Asks from devices that are not in the inventory."},
    [METRIC_ASKS_REFUSED] = {"tellercast_asks_refused_total", COUNTER,
        "Invalid asks."},
    [METRIC_ASKS_REPLACED] = {"tellercast_asks_replaced_total", COUNTER,
        "Asks that waited when their device asked again: only its last ask is answered."},
    [METRIC_ASKS_UNANSWERED] = {"tellercast_asks_unanswered_total", COUNTER,
        "Valid asks that were not answered, since the database could not be read: the devices ask again."},
    [METRIC_CACHE_HITS] = {"tellercast_cache_hits_total", COUNTER,
        "Asks of pull clients whose instruction was in Redis as in the database."},
    [METRIC_CACHE_MISSES] = {"tellercast_cache_misses_total", COUNTER,
        "Asks of pull clients whose instruction was not in Redis."},
    [METRIC_CACHE_CORRECTED] = {"tellercast_cache_corrected_total", COUNTER,
        "Asks of pull clients for whom Redis had something else than the database: it was replaced or deleted."},
    [METRIC_CACHE_REBUILDS] = {"tellercast_cache_rebuilds_total", COUNTER,
        "Rebuilds of the cache after Redis lost it."},
    [METRIC_STATUSES_RECEIVED] = {"tellercast_statuses_received_total", COUNTER,
        "Reports received from devices."},
    [METRIC_STATUSES_REFUSED] = {"tellercast_statuses_refused_total", COUNTER,
        "Reports that were invalid or not about an instruction of the device."},
    [METRIC_STATUSES_LEFT_OUT] = {"tellercast_statuses_left_out_total", COUNTER,
        "Reports not taken, since too many of their device waited: its outbox sends them again."},
    [METRIC_STATUSES_MOVED] = {"tellercast_statuses_moved_total", COUNTER,
        "Reports that moved an instruction."},
    [METRIC_STATUSES_STALE] = {"tellercast_statuses_stale_total", COUNTER,
        "Repeated or late reports, without effect."},
    [METRIC_UNKNOWN_ORDERS] = {"tellercast_unknown_orders_total", COUNTER,
        "Reports on instructions that a restore of the database lost, kept as evidence."},
    [METRIC_RECALLS_SENT] = {"tellercast_recalls_sent_total", COUNTER,
        "Answers that ask a device what it did before a restore of the database."},
    [METRIC_KEY_SETS_SENT] = {"tellercast_key_sets_sent_total", COUNTER,
        "Answers that tell a device which signing keys to trust."},
    [METRIC_KEY_SETS_UNREADABLE] = {"tellercast_key_sets_unreadable_total", COUNTER,
        "Asks of devices that trust no signing key of this orchestrator, and so cannot be told new ones."},
    [METRIC_FOREIGN_KEYS_NAMED] = {"tellercast_foreign_keys_named_total", COUNTER,
        "Asks of devices that trust a signing key that no orchestrator has registered."},
    [METRIC_CONFIRMS_PUBLISHED] = {"tellercast_confirms_published_total", COUNTER,
        "Confirmations sent to devices after commit."},
    [METRIC_DEADLINES_PASSED] = {"tellercast_deadlines_passed_total", COUNTER,
        "Instructions that passed the deadline of their stage."},
    [METRIC_RETRIES] = {"tellercast_retries_total", COUNTER,
        "New attempts of instructions."},
    [METRIC_BROKER_CONNECTS] = {"tellercast_broker_connects_total", COUNTER,
        "Connections made to the MQTT broker."},
    [METRIC_BROKER_MESSAGES_REFUSED] = {"tellercast_broker_messages_refused_total", COUNTER,
        "Messages dropped unread: unknown topic, too large, or retained."},
    [METRIC_RETAINED_RESTORED] = {"tellercast_retained_restored_total", COUNTER,
        "Instructions in flight published again, or their devices asked again, after a new connection."},
    [METRIC_HTTP_REQUESTS] = {"tellercast_http_requests_total", COUNTER,
        "HTTP requests."},
    [METRIC_HTTP_MALFORMED] = {"tellercast_http_malformed_total", COUNTER,
        "HTTP requests that were not correct to the byte, and were refused unread."},
    [METRIC_HTTP_LATE] = {"tellercast_http_late_total", COUNTER,
        "HTTP connections that were closed because the client was too slow, or silent for too long."},
    [METRIC_HTTP_CONNECTIONS_REFUSED] = {"tellercast_http_connections_refused_total", COUNTER,
        "HTTP connections that were closed because of a limit: of all, of an address, of its handshakes."},
    [METRIC_LOGINS_REFUSED] = {"tellercast_logins_refused_total", COUNTER,
        "Requests without a credential, or with one that is nobody's, at any endpoint."},
    [METRIC_ACCESS_REFUSED] = {"tellercast_access_refused_total", COUNTER,
        "Requests of known people that need another role, at any endpoint."},
    [METRIC_OIDC_FAULTS] = {"tellercast_oidc_faults_total", COUNTER,
        "Requests to the identity provider that failed, or whose answer cannot be used."},
    [METRIC_ACTS_LOST] = {"tellercast_acts_lost_total", COUNTER,
        "Refusals that are not in the record of acts: the orchestrator ended while the database did not answer."},
    [METRIC_CERTIFICATES_ISSUED] = {"tellercast_certificates_issued_total", COUNTER,
        "Certificates issued to devices by EST."},
    [METRIC_ENROLMENTS_REFUSED] = {"tellercast_enrolments_refused_total", COUNTER,
        "Requests for a device's certificate that were refused."},
    [METRIC_DOWNLOADS_REFUSED] = {"tellercast_downloads_refused_total", COUNTER,
        "Requests for an artifact that were refused for want of a good certificate or token."},
    [METRIC_DATABASE_FAULTS] = {"tellercast_database_faults_total", COUNTER,
        "Statements that failed in PostgreSQL."},
    [METRIC_CACHE_FAULTS] = {"tellercast_cache_faults_total", COUNTER,
        "Calls to Redis that failed."},
    [METRIC_WATERMARK_FAULTS] = {"tellercast_watermark_faults_total", COUNTER,
        "Watermarks that could not be written to the data folder."},
    [METRIC_DIRECTORY_SENT] = {"tellercast_directory_messages_total", COUNTER,
        "Messages with the table of devices that were sent to the broker's guard."},
    [METRIC_QUEUE_ORDERS] = {"tellercast_queue_orders", GAUGE,
        "Plans that wait for the planner."},
    [METRIC_QUEUE_POOL] = {"tellercast_queue_pool", GAUGE,
        "Batches of due instructions that wait in the pool for delivery."},
    [METRIC_QUEUE_ASKS] = {"tellercast_queue_asks", GAUGE,
        "Asks that wait for the dispatcher."},
    [METRIC_QUEUE_STATUSES] = {"tellercast_queue_statuses", GAUGE,
        "Reports that wait for the updater."},
    [METRIC_DATABASE_REFUSED] = {"tellercast_database_refused", GAUGE,
        "1 while the orchestrator refuses to work: the database was restored to an older state, or is another one."},
    [METRIC_SIGNING_KEY_MISSING] = {"tellercast_signing_key_missing", GAUGE,
        "1: no key of this orchestrator may sign; it answers no ask."},
    [METRIC_BROKER_CERTIFICATE_EXPIRY] = {"tellercast_broker_certificate_expiry_timestamp_seconds", GAUGE,
        "When the certificate of the connection to the broker expires, in Unix time; 0: there is none."},
    [METRIC_HTTP_CERTIFICATE_EXPIRY] = {"tellercast_http_certificate_expiry_timestamp_seconds", GAUGE,
        "When the certificate of the HTTP endpoint expires, in Unix time; 0: there is none."},
    [METRIC_EST_CERTIFICATE_EXPIRY] = {"tellercast_est_certificate_expiry_timestamp_seconds", GAUGE,
        "When the certificate of the endpoint for enrolment expires, in Unix time; 0: there is none."},
    [METRIC_GUARD_CURRENT] = {"tellercast_guard_current", GAUGE,
        "1 while the broker's guard has the devices that the database has; only the conductor shows it."},
    [METRIC_INSECURE_LOOPBACK] = {"tellercast_insecure_loopback", GAUGE,
        "1: servers and clients on loopback may be without credentials, by the setting insecure_loopback."},
    [METRIC_POLICIES] = {"tellercast_policies", GAUGE,
        "Different policies that the orchestrators have; more than 1: their settings differ."},
    [METRIC_REVIEWS_PENDING] = {"tellercast_reviews_pending", GAUGE,
        "Reviews of what was done without approvals that have not ended."},
    [METRIC_REVIEWS_OVERDUE] = {"tellercast_reviews_overdue", GAUGE,
        "Those of them whose time has passed."},
};
/* clang-format on */

static _Atomic int64_t values[METRIC_COUNT];

static void check(enum metric metric)
{
    TC_CHECK((unsigned)metric < METRIC_COUNT);
}

void metric_add(enum metric metric, int64_t amount)
{
    check(metric);
    (void)atomic_fetch_add_explicit(&values[metric], amount, memory_order_relaxed);
}

void metric_set(enum metric metric, int64_t value)
{
    check(metric);
    atomic_store_explicit(&values[metric], value, memory_order_relaxed);
}

int64_t metric_value(enum metric metric)
{
    check(metric);
    return atomic_load_explicit(&values[metric], memory_order_relaxed);
}

void metrics_write(struct buffer *out)
{
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        const struct metric_row *row = &rows[i];
        buffer_format(out, "# HELP %s %s\n# TYPE %s %s\n%s %" PRId64 "\n", row->name, row->help, row->name,
                      row->type == COUNTER ? "counter" : "gauge", row->name, metric_value((enum metric)i));
    }
}
