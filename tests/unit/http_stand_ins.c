#include "tests/unit/http_stand_ins.h"

#include "orchestrator/store/evidence.h"
#include "orchestrator/store/inventory.h"
#include "orchestrator/store/operate.h"
#include "orchestrator/store/read.h"

#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>

static int store_stand_in;
char hall_last_read[HALL_TEXT_SIZE];
enum tc_error hall_store_answers = TC_OK;
int64_t hall_artifact_size;
atomic_bool hall_store_hangs;

struct store *store_pool_take(struct store_pool *pool)
{
    (void)pool;
    return (struct store *)(void *)&store_stand_in;
}

void store_pool_give(struct store_pool *pool, struct store *store)
{
    (void)pool;
    TC_CHECK((const void *)store == &store_stand_in);
}

static pthread_mutex_t reading = PTHREAD_MUTEX_INITIALIZER;

__attribute__((format(printf, 3, 4))) static enum tc_error give(struct buffer *json, struct tc_fault *fault,
                                                                const char *format, ...)
{
    while (hall_store_hangs)
        (void)sched_yield();
    (void)pthread_mutex_lock(&reading);
    va_list arguments;
    va_start(arguments, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): clang-tidy 14 does not see the va_start above */
    (void)vsnprintf(hall_last_read, sizeof hall_last_read, format, arguments);
    va_end(arguments);
    (void)pthread_mutex_unlock(&reading);
    if (hall_store_answers != TC_OK)
        return tc_fault_set(fault, hall_store_answers, "the store says no");
    buffer_put_text(json, "{\"from\":\"store\"}");
    return TC_OK;
}

#define READ(...) ((void)store, give(json, fault, __VA_ARGS__))

enum tc_error read_rollouts(struct store *store, int64_t after, int limit, struct buffer *json, struct tc_fault *fault)
{
    return READ("rollouts %lld %d", (long long)after, limit);
}

enum tc_error read_rollout(struct store *store, int64_t id, struct buffer *json, struct tc_fault *fault)
{
    return READ("rollout %lld", (long long)id);
}

enum tc_error read_instructions(struct store *store, int64_t rollout, const char *state, const char *group,
                                int64_t after, int limit, struct buffer *json, struct tc_fault *fault)
{
    return READ("instructions %lld [%s] [%s] %lld %d", (long long)rollout, state, group, (long long)after, limit);
}

enum tc_error read_devices(struct store *store, const char *after, int limit, struct buffer *json,
                           struct tc_fault *fault)
{
    return READ("devices [%s] %d", after, limit);
}

enum tc_error read_device(struct store *store, const char *id, struct buffer *json, struct tc_fault *fault)
{
    return READ("device %s", id);
}

enum tc_error read_artifacts(struct store *store, struct buffer *json, struct tc_fault *fault)
{
    return READ("artifacts");
}

enum tc_error operate(struct store *store, const struct operation_order *order, struct operated *operated,
                      struct tc_fault *fault)
{
    struct buffer unused = {0};
    *operated = (struct operated){.operation = order->operation, .rollout = order->rollout, .version = 8};
    (void)snprintf(operated->name, sizeof operated->name, "upgrade");
    (void)snprintf(operated->state, sizeof operated->state, "paused");
    (void)store;
    enum tc_error error = give(&unused, fault, "%s %lld by %s [%s] [%s] %lld: %s", operation_name(order->operation),
                               (long long)order->rollout, order->actor, order->digest, order->group,
                               (long long)order->version, order->reason);
    buffer_free(&unused);
    return error;
}

enum { PER_MINUTE = 60 };
const struct preview_config hall_preview = {.default_per_minute = PER_MINUTE};

enum tc_error preview_make(const struct preview_config *config, struct store *store, const void *document,
                           size_t length, struct buffer *json, struct document_faults *faults, struct tc_fault *fault)
{
    (void)faults;
    TC_CHECK(config == &hall_preview);
    return READ("preview %.*s", (int)length, (const char *)document);
}

enum tc_error evidence_report(struct store *store, int64_t rollout, int64_t per_minute, struct buffer *json,
                              struct tc_fault *fault)
{
    return READ("report %lld at %lld", (long long)rollout, (long long)per_minute);
}

enum tc_error evidence_drift(struct store *store, int64_t rollout, struct buffer *json, struct tc_fault *fault)
{
    return READ("drift %lld", (long long)rollout);
}

enum tc_error inventory_import(struct store *store, const struct fleet *fleet, struct fleet_imported *imported,
                               struct document_faults *faults, struct tc_fault *fault)
{
    (void)store, (void)faults, (void)fault;
    *imported = (struct fleet_imported){.branches_added = (int64_t)fleet->branch_count,
                                        .devices_added = (int64_t)fleet->device_count};
    return TC_OK;
}

enum tc_error artifact_add(struct store *store, const struct artifact *artifact, const char *author,
                           struct tc_fault *fault)
{
    (void)store;
    (void)snprintf(hall_last_read, sizeof hall_last_read, "add %s %s %lld by %s", artifact->name, artifact->version,
                   (long long)artifact->size_bytes, author);
    return hall_store_answers == TC_OK ? TC_OK : tc_fault_set(fault, hall_store_answers, "the store says no");
}

enum tc_error artifact_find_size(struct store *store, const char *sha256, int64_t *size_bytes, struct tc_fault *fault)
{
    (void)store, (void)sha256;
    *size_bytes = hall_artifact_size;
    return hall_store_answers == TC_OK ? TC_OK : tc_fault_set(fault, hall_store_answers, "the store says no");
}
