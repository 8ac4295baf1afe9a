#include "orchestrator/people/people.h"

#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/people/people_table.h"
#include "orchestrator/people/token_text.h"
#include "orchestrator/worker/worker.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { READ_PERIOD_MS = 250, LOOK_MS = 5, NOTE_MS = 60000, USES_MAX = 256 };

struct people {
    struct people_config config;
    struct store *store; /* of the worker's thread */
    struct batch_queue *wakes;
    struct worker *worker;
    int64_t version; /* of `table`; the worker's */
    bool is_lost;    /* the last reading failed; the worker's */

    pthread_rwlock_t lock;
    struct people_table *table; /* NULL: none was read yet */
    int64_t read_ms;            /* monotonic; before the last successful reading */
    int64_t clock_ms;           /* what the database's clock is before the monotonic one */

    pthread_mutex_t uses_lock;
    struct token_use uses[USES_MAX]; /* not written yet; a use that does not fit is noted at the next one */
    size_t use_count;
};

/* ---- reading: on the worker's thread ---- */

static void add_credential(void *context, const struct known_credential *credential)
{
    people_table_add(context, credential);
}

/* Puts the table of a newer version in place. */
static enum tc_error read_table(struct people *people, int64_t version, struct tc_fault *fault)
{
    struct people_table *fresh = people_table_open(version);
    enum tc_error error = people_read_credentials(people->store, add_credential, fresh, fault);
    if (error == TC_OK) {
        people_table_end_list(fresh);
        (void)pthread_rwlock_wrlock(&people->lock);
        struct people_table *old = people->table;
        people->table = fresh;
        (void)pthread_rwlock_unlock(&people->lock);
        people->version = version;
        fresh = old;
    }
    people_table_close(fresh);
    return error;
}

static enum tc_error read_people(struct people *people, struct tc_fault *fault)
{
    int64_t began_ms = clock_monotonic_ms(), version = 0, now_ms = 0;
    enum tc_error error = people_read_version(people->store, &version, &now_ms, fault);
    if (error == TC_OK && (people->table == NULL || version != people->version))
        error = read_table(people, version, fault);
    if (error != TC_OK)
        return error;
    (void)pthread_rwlock_wrlock(&people->lock);
    people->read_ms = began_ms;
    people->clock_ms = now_ms - began_ms;
    (void)pthread_rwlock_unlock(&people->lock);
    return TC_OK;
}

static void write_uses(struct people *people)
{
    struct token_use uses[USES_MAX];
    (void)pthread_mutex_lock(&people->uses_lock);
    size_t count = people->use_count;
    memcpy(uses, people->uses, count * sizeof *uses);
    people->use_count = 0;
    (void)pthread_mutex_unlock(&people->uses_lock);
    struct tc_fault fault;
    if (count > 0 && people_write_uses(people->store, uses, count, &fault) != TC_OK)
        LOG_LIMITED(LOG_LEVEL_WARNING, "", "people.uses_not_written", F_STR("reason", fault.text));
}

static void on_timer(void *context, void *thread_state, void *items, size_t count)
{
    (void)thread_state, (void)items, (void)count;
    struct people *people = context;
    struct tc_fault fault;
    enum tc_error error = read_people(people, &fault);
    if (error != TC_OK && !people->is_lost)
        LOG_WARNING("people.not_read", F_STR("reason", fault.text));
    people->is_lost = error != TC_OK;
    if (error == TC_OK)
        write_uses(people);
}

enum tc_error people_open(const struct people_config *config, struct people **people, struct tc_fault *fault)
{
    struct people *opened = calloc(1, sizeof *opened);
    TC_CHECK(opened != NULL);
    opened->config = *config;
    opened->wakes = batch_queue_open(1, 1);
    TC_CHECK(pthread_rwlock_init(&opened->lock, NULL) == 0 && pthread_mutex_init(&opened->uses_lock, NULL) == 0);
    enum tc_error error = store_open(config->database, "tellercastd people", &opened->store, fault);
    if (error != TC_OK) {
        people_close(opened);
        return error;
    }
    store_use_guard(opened->store, config->guard);
    *people = opened;
    return TC_OK;
}

enum tc_error people_start(struct people *people, struct tc_fault *fault)
{
    const struct worker_config worker = {.name = "people",
                                         .queue = people->wakes,
                                         .threads = 1,
                                         .item_size = 1,
                                         .batch_limit = 1,
                                         .period_ms = READ_PERIOD_MS,
                                         .handle = on_timer,
                                         .context = people};
    batch_queue_wake(people->wakes);
    return worker_start(&worker, &people->worker, fault);
}

void people_close(struct people *people)
{
    if (people == NULL)
        return;
    worker_stop(people->worker);
    store_close(people->store);
    people_table_close(people->table);
    (void)pthread_rwlock_destroy(&people->lock);
    (void)pthread_mutex_destroy(&people->uses_lock);
    batch_queue_free(people->wakes);
    free(people);
}

int64_t people_last_progress_ms(const struct people *people)
{
    return worker_last_progress_ms(people->worker);
}

void people_await_reading(struct people *people)
{
    int64_t committed_ms = clock_monotonic_ms(), read_ms;
    do {
        batch_queue_wake(people->wakes);
        clock_sleep_ms(LOOK_MS);
        (void)pthread_rwlock_rdlock(&people->lock);
        read_ms = people->read_ms;
        (void)pthread_rwlock_unlock(&people->lock);
    } while (read_ms <= committed_ms && clock_monotonic_ms() < committed_ms + PEOPLE_STALE_MS);
}

/* ---- finding: on any thread ---- */

/* Returns with the lock held for reading when the table may be used. */
static enum tc_error use_table(struct people *people, struct tc_fault *fault)
{
    (void)pthread_rwlock_rdlock(&people->lock);
    if (people->table != NULL && clock_monotonic_ms() - people->read_ms <= PEOPLE_STALE_MS)
        return TC_OK;
    (void)pthread_rwlock_unlock(&people->lock);
    return tc_fault_set(fault, TC_UNAVAILABLE, "it cannot be checked now who you are: the database does not answer");
}

enum tc_error people_check(struct people *people, struct tc_fault *fault)
{
    enum tc_error error = use_table(people, fault);
    if (error == TC_OK)
        (void)pthread_rwlock_unlock(&people->lock);
    return error;
}

static void note_use(struct people *people, const char *id, const char *address, int64_t now_ms)
{
    (void)pthread_mutex_lock(&people->uses_lock);
    if (people->use_count < USES_MAX) {
        struct token_use *use = &people->uses[people->use_count++];
        (void)snprintf(use->id, sizeof use->id, "%s", id);
        (void)snprintf(use->address, sizeof use->address, "%s", address);
        use->used_ms = now_ms;
    }
    (void)pthread_mutex_unlock(&people->uses_lock);
}

enum tc_error people_find_token(struct people *people, const char *token, const char *address, struct subject *subject,
                                struct tc_fault *fault)
{
    char digest[TOKEN_DIGEST_SIZE], id[TOKEN_ID_SIZE];
    _Atomic int64_t *noted_ms;
    token_text_digest(token, digest);
    enum tc_error error = use_table(people, fault);
    if (error != TC_OK)
        return error;
    int64_t now_ms = clock_monotonic_ms() + people->clock_ms;
    bool is_known = people_table_find_token(people->table, digest, now_ms, subject, id, &noted_ms);
    bool is_noted = is_known && now_ms - atomic_load(noted_ms) < NOTE_MS;
    if (is_known && !is_noted)
        atomic_store(noted_ms, now_ms);
    (void)pthread_rwlock_unlock(&people->lock);
    if (is_known && !is_noted)
        note_use(people, id, address, now_ms);
    return is_known ? TC_OK : tc_fault_set(fault, TC_DENIED, "unknown token");
}

enum tc_error people_find_session(struct people *people, const char *secret, struct subject *subject,
                                  struct tc_fault *fault)
{
    char digest[TOKEN_DIGEST_SIZE];
    token_text_digest(secret, digest);
    enum tc_error error = use_table(people, fault);
    if (error != TC_OK)
        return error;
    int64_t now_ms = clock_monotonic_ms() + people->clock_ms;
    bool is_known = people_table_find_session(people->table, digest, now_ms, subject);
    (void)pthread_rwlock_unlock(&people->lock);
    return is_known ? TC_OK : tc_fault_set(fault, TC_DENIED, "unknown session");
}

enum tc_error people_find_alias(struct people *people, enum alias_kind kind, const char *value, struct subject *subject,
                                struct tc_fault *fault)
{
    enum tc_error error = use_table(people, fault);
    if (error != TC_OK)
        return error;
    bool is_known = people_table_find_alias(people->table, kind, value, subject);
    (void)pthread_rwlock_unlock(&people->lock);
    return is_known ? TC_OK : alias_refuse(kind, value, fault);
}
