/* Counters, gauges and histograms in Prometheus' text format, each defined once in the tables in metrics.c. Any thread.
 */
#ifndef TELLERCAST_ORCHESTRATOR_METRICS_METRICS_H
#define TELLERCAST_ORCHESTRATOR_METRICS_METRICS_H

#include "base/buffer.h"

#include <stddef.h>
#include <stdint.h>

enum metric {
    METRIC_ORDERS_ACCEPTED,
    METRIC_ORDERS_REFUSED,
    METRIC_INSTRUCTIONS_PLANNED,
    METRIC_INSTRUCTIONS_CLAIMED,
    METRIC_STARTS_PUBLISHED,
    METRIC_ASKS_RECEIVED,
    METRIC_ASKS_ANSWERED,
    METRIC_ASKS_EMPTY,
    METRIC_ASKS_UNKNOWN_DEVICE,
    METRIC_ASKS_REFUSED,
    METRIC_ASKS_REPLACED,
    METRIC_ASKS_UNANSWERED,
    METRIC_CACHE_HITS,
    METRIC_CACHE_MISSES,
    METRIC_CACHE_CORRECTED,
    METRIC_CACHE_REBUILDS,
    METRIC_STATUSES_RECEIVED,
    METRIC_STATUSES_REFUSED,
    METRIC_STATUSES_LEFT_OUT,
    METRIC_STATUSES_MOVED,
    METRIC_STATUSES_STALE,
    METRIC_UNKNOWN_ORDERS,
    METRIC_RECALLS_SENT,
    METRIC_KEY_SETS_SENT,
    METRIC_KEY_SETS_UNREADABLE,
    METRIC_FOREIGN_KEYS_NAMED,
    METRIC_CONFIRMS_PUBLISHED,
    METRIC_DEADLINES_PASSED,
    METRIC_RETRIES,
    METRIC_BROKER_CONNECTS,
    METRIC_BROKER_MESSAGES_REFUSED,
    METRIC_RETAINED_RESTORED,
    METRIC_HTTP_REQUESTS,
    METRIC_HTTP_MALFORMED,
    METRIC_HTTP_LATE,
    METRIC_HTTP_CONNECTIONS_REFUSED,
    METRIC_EVENT_READERS_REFUSED,
    METRIC_EVENT_READERS_DROPPED,
    METRIC_LOGINS_REFUSED,
    METRIC_ACCESS_REFUSED,
    METRIC_OIDC_FAULTS,
    METRIC_ACTS_LOST,
    METRIC_CERTIFICATES_ISSUED,
    METRIC_ENROLMENTS_REFUSED,
    METRIC_DOWNLOADS_REFUSED,
    METRIC_DEVICE_LOG_BYTES,
    METRIC_DATABASE_FAULTS,
    METRIC_CACHE_FAULTS,
    METRIC_WATERMARK_FAULTS,
    METRIC_DIRECTORY_SENT,
    METRIC_PRESENCE_RECEIVED,
    METRIC_QUEUE_ORDERS, /* gauges from here */
    METRIC_QUEUE_POOL,
    METRIC_QUEUE_ASKS,
    METRIC_QUEUE_STATUSES,
    METRIC_QUEUE_PRESENCE,
    METRIC_DATABASE_REFUSED,
    METRIC_SIGNING_KEY_MISSING,
    METRIC_BROKER_CERTIFICATE_EXPIRY,
    METRIC_HTTP_CERTIFICATE_EXPIRY,
    METRIC_EST_CERTIFICATE_EXPIRY,
    METRIC_CRL_EXPIRY,
    METRIC_GUARD_CURRENT,
    METRIC_INSECURE_LOOPBACK,
    METRIC_POLICIES,
    METRIC_REVIEWS_PENDING,
    METRIC_REVIEWS_OVERDUE,
    METRIC_EVENT_READERS,
    METRIC_FREEZES,
    METRIC_FREEZES_OVERDUE,
    METRIC_BROKER_CONNECTED,
    METRIC_CONDUCTING,
    METRIC_OUT_OF_SERVICE,
    METRIC_BRANCHES_AT_BUDGET,
    METRIC_BRANCHES_WITHOUT_MACHINE,
    METRIC_APPROVALS_WAITING,
    METRIC_APPROVALS_OLDEST,
    METRIC_OLDEST_DUE,
    METRIC_GAUGES_READ,
    METRIC_PRESENCE_WATCHED,
    METRIC_PRESENCE_ONLINE,
    METRIC_PRESENCE_OFFLINE,
    METRIC_COUNT,
};

/* Metrics with a label. None has a label for a device or a branch: there may be a million of them. */
enum metric_family {
    FAMILY_HTTP_RESPONSES, /* counters */
    FAMILY_FAILURES,
    FAMILY_WEBHOOK_POSTS,
    FAMILY_DEVICE_LOGS,
    FAMILY_ROLLOUTS, /* gauges from here */
    FAMILY_INSTRUCTIONS,
    FAMILY_FORECAST_END,
    FAMILY_END,
    FAMILY_WEBHOOK_OLDEST,
    FAMILY_COUNT,
};

/* Values of a label that a family has at most; further ones are counted under "other". */
#define METRIC_LABELS_MAX 256
#define METRIC_LABEL_SIZE 65

enum metric_histogram {
    HISTOGRAM_DATABASE,
    HISTOGRAM_CACHE,
    HISTOGRAM_BROKER,
    HISTOGRAM_HTTP,
    HISTOGRAM_STAGE_CREATED, /* from here the stages of an instruction, in the order of its states */
    HISTOGRAM_STAGE_DISPATCHED,
    HISTOGRAM_STAGE_SENT,
    HISTOGRAM_STAGE_RECEIVED,
    HISTOGRAM_STAGE_INSTALLING,
    HISTOGRAM_COUNT,
};

void metric_add(enum metric metric, int64_t amount);
void metric_set(enum metric metric, int64_t value);
int64_t metric_value(enum metric metric);

/* Counts one more of a family of counters under a value of its label; under "other" if the value is no name of at most
 * METRIC_LABEL_SIZE - 1 bytes (base/id.h): devices choose their codes. */
void metric_count(enum metric_family family, const char *label);
/* Shows a value of a family of counters from now on: else its first count is no increase to a monitoring system. */
void metric_show(enum metric_family family, const char *label);

struct metric_sample {
    char label[METRIC_LABEL_SIZE];
    int64_t value;
};
/* Replaces all values of a family of gauges: what is not in `samples` is gone. At most METRIC_LABELS_MAX. */
void metrics_set_family(enum metric_family family, const struct metric_sample *samples, size_t count);

/* Sets one value of a family of gauges, whose other values stay. */
void metric_set_labelled(enum metric_family family, const char *label, int64_t value);

/* Counts a duration in microseconds. */
void metric_observe(enum metric_histogram histogram, int64_t duration_us);

/* Appends the least whole milliseconds of each bucket of a stage but the first, as an array of PostgreSQL: width_bucket
 * gives the bucket's number by them. */
void metric_stage_bounds(struct buffer *out);
/* Counts `count` durations of a stage in a bucket; `sum_ms` is their sum. */
void metric_observe_stage(enum metric_histogram histogram, int bucket, int64_t count, int64_t sum_ms);

void metrics_write(struct buffer *out);

#endif
