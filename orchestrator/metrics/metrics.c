#include "orchestrator/metrics/metrics.h"

#include "base/fault.h"
#include "base/id.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

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
    [METRIC_EVENT_READERS_REFUSED] = {"tellercast_event_readers_refused_total", COUNTER,
        "Clients that were refused since too many follow events."},
    [METRIC_EVENT_READERS_DROPPED] = {"tellercast_event_readers_dropped_total", COUNTER,
        "Clients that followed events and were too slow."},
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
    [METRIC_DEVICE_LOG_BYTES] = {"tellercast_device_log_bytes_total", COUNTER,
        "Bytes of the logs of failures that were kept."},
    [METRIC_DATABASE_FAULTS] = {"tellercast_database_faults_total", COUNTER,
        "Statements that failed in PostgreSQL."},
    [METRIC_CACHE_FAULTS] = {"tellercast_cache_faults_total", COUNTER,
        "Calls to Redis that failed."},
    [METRIC_WATERMARK_FAULTS] = {"tellercast_watermark_faults_total", COUNTER,
        "Watermarks that could not be written to the data folder."},
    [METRIC_DIRECTORY_SENT] = {"tellercast_directory_messages_total", COUNTER,
        "Messages with the table of devices that were sent to the broker's guard."},
    [METRIC_PRESENCE_RECEIVED] = {"tellercast_presence_received_total", COUNTER,
        "Messages with the presence of devices, retained ones and wills included."},
    [METRIC_QUEUE_ORDERS] = {"tellercast_queue_orders", GAUGE,
        "Plans that wait for the planner."},
    [METRIC_QUEUE_POOL] = {"tellercast_queue_pool", GAUGE,
        "Batches of due instructions that wait in the pool for delivery."},
    [METRIC_QUEUE_ASKS] = {"tellercast_queue_asks", GAUGE,
        "Asks that wait for the dispatcher."},
    [METRIC_QUEUE_STATUSES] = {"tellercast_queue_statuses", GAUGE,
        "Reports that wait for the updater."},
    [METRIC_QUEUE_PRESENCE] = {"tellercast_queue_presence", GAUGE,
        "Devices whose presence waits to be written."},
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
    [METRIC_CRL_EXPIRY] = {"tellercast_crl_expiry_timestamp_seconds", GAUGE,
        "When the first revocation list of broker.crl_file expires, in Unix time; 0: none is set; 1: it cannot be read."},
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
    [METRIC_EVENT_READERS] = {"tellercast_event_readers", GAUGE,
        "Clients that follow events at this orchestrator."},
    [METRIC_FREEZES] = {"tellercast_freezes", GAUGE,
        "Freezes in force: nothing starts in their scopes."},
    [METRIC_FREEZES_OVERDUE] = {"tellercast_freezes_overdue", GAUGE,
        "Those of them that were to be lifted by now."},
    [METRIC_PRESENCE_WATCHED] = {"tellercast_presence_watched", GAUGE,
        "1 while this orchestrator knows the presence of devices; only the conductor shows it."},
    [METRIC_PRESENCE_ONLINE] = {"tellercast_devices_online", GAUGE,
        "Devices of the inventory that are online; only the conductor shows them."},
    [METRIC_PRESENCE_OFFLINE] = {"tellercast_devices_offline", GAUGE,
        "Devices of the inventory that are offline; of the others it is not known. Only the conductor shows them."},
    [METRIC_BROKER_CONNECTED] = {"tellercast_broker_connected", GAUGE,
        "1 while the connection to the broker that receives stands."},
    [METRIC_CONDUCTING] = {"tellercast_conducting", GAUGE,
        "1 while this orchestrator is the conductor; of all of them one is."},
    [METRIC_OUT_OF_SERVICE] = {"tellercast_out_of_service_devices", GAUGE,
        "Machines that a rollout took out of service and that are not back."},
    [METRIC_BRANCHES_AT_BUDGET] = {"tellercast_branches_at_budget", GAUGE,
        "Branches with as many machines down or at work as the disruption budgets there allow."},
    [METRIC_BRANCHES_WITHOUT_MACHINE] = {"tellercast_branches_without_machine", GAUGE,
        "Branches all of whose machines are down or at work by rollouts; it must be 0."},
    [METRIC_APPROVALS_WAITING] = {"tellercast_approvals_waiting", GAUGE,
        "Rollouts and groups that wait for an approval."},
    [METRIC_APPROVALS_OLDEST] = {"tellercast_approvals_oldest_timestamp_seconds", GAUGE,
        "Since when the oldest of them waits, in Unix time; 0: none waits."},
    [METRIC_OLDEST_DUE] = {"tellercast_oldest_due_timestamp_seconds", GAUGE,
        "When the oldest due instruction of a running rollout in an open group became due, in Unix time, without those that a "
        "freeze holds; 0: none is due."},
    [METRIC_GAUGES_READ] = {"tellercast_gauges_read_timestamp_seconds", GAUGE,
        "When the gauges of rollouts, branches and approvals were last read from the database, in Unix time."},
};

struct family_row {
    const char *name;
    enum metric_type type;
    const char *label;
    const char *help;
};

static const struct family_row family_rows[FAMILY_COUNT] = {
    [FAMILY_HTTP_RESPONSES] = {"tellercast_http_responses_total", COUNTER, "status",
        "Answers of the HTTP endpoints by status."},
    [FAMILY_FAILURES] = {"tellercast_failures_total", COUNTER, "code",
        "Attempts that failed, were refused by their device or timed out, by code."},
    [FAMILY_WEBHOOK_POSTS] = {"tellercast_webhook_posts_total", COUNTER, "result",
        "Events posted to webhooks, by result: delivered, failed (each try), given_up."},
    [FAMILY_DEVICE_LOGS] = {"tellercast_device_logs_total", COUNTER, "result",
        "Logs of failures that devices sent, by result: kept, repeated, or why they were refused."},
    [FAMILY_ROLLOUTS] = {"tellercast_rollouts", GAUGE, "state",
        "Rollouts by state."},
    [FAMILY_INSTRUCTIONS] = {"tellercast_instructions", GAUGE, "state",
        "Instructions of rollouts that have not ended, by state."},
    [FAMILY_FORECAST_END] = {"tellercast_rollout_forecast_end_timestamp_seconds", GAUGE, "rollout",
        "When a running rollout is expected to end, in Unix time."},
    [FAMILY_END] = {"tellercast_rollout_end_timestamp_seconds", GAUGE, "rollout",
        "The endAt of a running rollout that has one, in Unix time."},
    [FAMILY_WEBHOOK_OLDEST] = {"tellercast_webhook_oldest_undelivered_timestamp_seconds", GAUGE, "webhook",
        "When the event was logged that a failing webhook is to take next, in Unix time; 0: it does not fail. Only the "
        "conductor shows it."},
};

/* Upper bounds of the buckets in microseconds, and as Prometheus names them. */
struct bucket {
    int64_t most_us;
    const char *name;
};

enum { BUCKETS = 14, US_PER_SECOND = 1000000, US_PER_MS = 1000 };

static const struct bucket call_buckets[BUCKETS] = {
    {500, "0.0005"},  {1000, "0.001"},  {2500, "0.0025"}, {5000, "0.005"},  {10000, "0.01"},
    {25000, "0.025"}, {50000, "0.05"},  {100000, "0.1"},  {250000, "0.25"}, {500000, "0.5"},
    {1000000, "1"},   {2500000, "2.5"}, {5000000, "5"},   {10000000, "10"}};
static const struct bucket stage_buckets[BUCKETS] = {
    {100000, "0.1"},     {250000, "0.25"},    {500000, "0.5"},    {1000000, "1"},    {2500000, "2.5"},
    {5000000, "5"},      {10000000, "10"},    {30000000, "30"},   {60000000, "60"},  {120000000, "120"},
    {300000000, "300"},  {600000000, "600"},  {1800000000, "1800"}, {3600000000, "3600"}};

/* Rows of one name follow each other, and differ in the value of their label. */
struct histogram_row {
    const char *name;
    const char *label; /* as state="sent"; "": none */
    const struct bucket *buckets;
    const char *help;
};

static const char stage_help[] =
    "How long instructions were in a state before the next one: as created from when they became due to their claim, then "
    "until the device's report. Deadlines that passed are not among them.";

static const struct histogram_row histogram_rows[HISTOGRAM_COUNT] = {
    [HISTOGRAM_DATABASE] = {"tellercast_database_statement_seconds", "", call_buckets,
        "Duration of statements in PostgreSQL."},
    [HISTOGRAM_CACHE] = {"tellercast_cache_call_seconds", "", call_buckets,
        "Duration of calls to Redis, each of a whole batch."},
    [HISTOGRAM_BROKER] = {"tellercast_broker_publish_seconds", "", call_buckets,
        "Time from a message of QoS 1 to its acknowledgment by the broker."},
    [HISTOGRAM_HTTP] = {"tellercast_http_request_seconds", "", call_buckets,
        "Duration of HTTP requests, without those of bodies that the client sends."},
    [HISTOGRAM_STAGE_CREATED] = {"tellercast_stage_seconds", "state=\"created\"", stage_buckets, stage_help},
    [HISTOGRAM_STAGE_DISPATCHED] = {"tellercast_stage_seconds", "state=\"dispatched\"", stage_buckets, stage_help},
    [HISTOGRAM_STAGE_SENT] = {"tellercast_stage_seconds", "state=\"sent\"", stage_buckets, stage_help},
    [HISTOGRAM_STAGE_RECEIVED] = {"tellercast_stage_seconds", "state=\"received\"", stage_buckets, stage_help},
    [HISTOGRAM_STAGE_INSTALLING] = {"tellercast_stage_seconds", "state=\"installing\"", stage_buckets, stage_help},
};
/* clang-format on */

static struct {
    _Atomic int64_t counts[BUCKETS + 1]; /* the last: beyond all bounds */
    _Atomic int64_t sum_us;
} histograms[HISTOGRAM_COUNT];

static const char other_label[] = "other";

static struct family {
    struct metric_sample samples[METRIC_LABELS_MAX + 1]; /* one more for "other" */
    size_t count;
} families[FAMILY_COUNT];
static pthread_mutex_t families_lock = PTHREAD_MUTEX_INITIALIZER;

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

/* With families_lock held. Returns the sample of a label: a new one if need be, and "other" when there is no space. */
static struct metric_sample *sample_of(struct family *family, const char *label)
{
    for (size_t i = 0; i < family->count; i++) {
        if (strcmp(family->samples[i].label, label) == 0)
            return &family->samples[i];
    }
    if (family->count >= METRIC_LABELS_MAX && label != other_label)
        return sample_of(family, other_label);
    struct metric_sample *sample = &family->samples[family->count++];
    (void)snprintf(sample->label, sizeof sample->label, "%s", label);
    return sample;
}

void metric_count(enum metric_family family, const char *label)
{
    TC_CHECK((unsigned)family < FAMILY_COUNT && family_rows[family].type == COUNTER);
    bool is_name = name_is_valid(label, strnlen(label, METRIC_LABEL_SIZE));
    (void)pthread_mutex_lock(&families_lock);
    sample_of(&families[family], is_name ? label : other_label)->value++;
    (void)pthread_mutex_unlock(&families_lock);
}

void metric_show(enum metric_family family, const char *label)
{
    TC_CHECK((unsigned)family < FAMILY_COUNT && family_rows[family].type == COUNTER);
    (void)pthread_mutex_lock(&families_lock);
    (void)sample_of(&families[family], label);
    (void)pthread_mutex_unlock(&families_lock);
}

void metrics_set_family(enum metric_family family, const struct metric_sample *samples, size_t count)
{
    TC_CHECK((unsigned)family < FAMILY_COUNT && family_rows[family].type == GAUGE && count <= METRIC_LABELS_MAX);
    (void)pthread_mutex_lock(&families_lock);
    memcpy(families[family].samples, samples, count * sizeof *samples);
    families[family].count = count;
    (void)pthread_mutex_unlock(&families_lock);
}

void metric_set_labelled(enum metric_family family, const char *label, int64_t value)
{
    TC_CHECK((unsigned)family < FAMILY_COUNT && family_rows[family].type == GAUGE);
    (void)pthread_mutex_lock(&families_lock);
    sample_of(&families[family], label)->value = value;
    (void)pthread_mutex_unlock(&families_lock);
}

void metric_observe(enum metric_histogram histogram, int64_t duration_us)
{
    TC_CHECK((unsigned)histogram < HISTOGRAM_COUNT);
    size_t at = 0;
    while (at < BUCKETS && duration_us > histogram_rows[histogram].buckets[at].most_us)
        at++;
    (void)atomic_fetch_add_explicit(&histograms[histogram].counts[at], 1, memory_order_relaxed);
    (void)atomic_fetch_add_explicit(&histograms[histogram].sum_us, duration_us, memory_order_relaxed);
}

void metric_stage_bounds(struct buffer *out)
{
    for (size_t i = 0; i < BUCKETS; i++)
        buffer_format(out, "%s%" PRId64, i == 0 ? "{" : ",", stage_buckets[i].most_us / US_PER_MS + 1);
    buffer_put_text(out, "}");
}

void metric_observe_stage(enum metric_histogram histogram, int bucket, int64_t count, int64_t sum_ms)
{
    TC_CHECK((unsigned)histogram < HISTOGRAM_COUNT && histogram_rows[histogram].buckets == stage_buckets);
    TC_CHECK(bucket >= 0 && bucket <= BUCKETS);
    (void)atomic_fetch_add_explicit(&histograms[histogram].counts[bucket], count, memory_order_relaxed);
    (void)atomic_fetch_add_explicit(&histograms[histogram].sum_us, sum_ms * US_PER_MS, memory_order_relaxed);
}

static const char *type_name(enum metric_type type)
{
    return type == COUNTER ? "counter" : "gauge";
}

static void put_head(const char *name, const char *type, const char *help, struct buffer *out)
{
    buffer_format(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* Labels are words and numbers of ours, and codes that devices report: these may have any character. */
static void put_label(const char *label, struct buffer *out)
{
    for (const char *c = label; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\')
            buffer_put_text(out, "\\");
        if (*c == '\n')
            buffer_put_text(out, "\\n");
        else
            buffer_put(out, c, 1);
    }
}

static void write_families(struct buffer *out)
{
    (void)pthread_mutex_lock(&families_lock);
    for (size_t i = 0; i < FAMILY_COUNT; i++) {
        const struct family_row *row = &family_rows[i];
        put_head(row->name, type_name(row->type), row->help, out);
        for (size_t at = 0; at < families[i].count; at++) {
            buffer_format(out, "%s{%s=\"", row->name, row->label);
            put_label(families[i].samples[at].label, out);
            buffer_format(out, "\"} %" PRId64 "\n", families[i].samples[at].value);
        }
    }
    (void)pthread_mutex_unlock(&families_lock);
}

static void write_histogram(const struct histogram_row *row, enum metric_histogram histogram, struct buffer *out)
{
    bool has_label = row->label[0] != '\0';
    const char *open = has_label ? "{" : "", *comma = has_label ? "," : "", *close = has_label ? "}" : "";
    int64_t below = 0, sum_us = atomic_load_explicit(&histograms[histogram].sum_us, memory_order_relaxed);
    for (size_t at = 0; at <= BUCKETS; at++) {
        below += atomic_load_explicit(&histograms[histogram].counts[at], memory_order_relaxed);
        buffer_format(out, "%s_bucket{%s%sle=\"%s\"} %" PRId64 "\n", row->name, row->label, comma,
                      at < BUCKETS ? row->buckets[at].name : "+Inf", below);
    }
    buffer_format(out, "%s_sum%s%s%s %" PRId64 ".%06" PRId64 "\n", row->name, open, row->label, close,
                  sum_us / US_PER_SECOND, sum_us % US_PER_SECOND);
    buffer_format(out, "%s_count%s%s%s %" PRId64 "\n", row->name, open, row->label, close, below);
}

static void write_histograms(struct buffer *out)
{
    for (size_t i = 0; i < HISTOGRAM_COUNT; i++) {
        const struct histogram_row *row = &histogram_rows[i];
        if (i == 0 || strcmp(row->name, histogram_rows[i - 1].name) != 0)
            put_head(row->name, "histogram", row->help, out);
        write_histogram(row, (enum metric_histogram)i, out);
    }
}

void metrics_write(struct buffer *out)
{
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        put_head(rows[i].name, type_name(rows[i].type), rows[i].help, out);
        buffer_format(out, "%s %" PRId64 "\n", rows[i].name, metric_value((enum metric)i));
    }
    write_families(out);
    write_histograms(out);
}
