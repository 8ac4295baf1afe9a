#include "orchestrator/store/guard.h"

#include "base/log.h"
#include "orchestrator/store/guard_private.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BEHIND_SIZE = 128 };

struct store_guard {
    pthread_mutex_t mutex; /* protects the members below */
    bool open;
    char reason[GUARD_REASON_SIZE];
    struct watermark mark;
    char behind[BEHIND_SIZE]; /* the sequence that was last below the mark; "": none */
    int64_t epoch, recall;
};

struct store_guard *store_guard_open(const struct watermark *mark)
{
    struct store_guard *guard = calloc(1, sizeof *guard);
    TC_CHECK(guard != NULL && pthread_mutex_init(&guard->mutex, NULL) == 0);
    guard->mark = *mark;
    (void)snprintf(guard->reason, sizeof guard->reason, "not checked yet");
    return guard;
}

void store_guard_close(struct store_guard *guard)
{
    if (guard == NULL)
        return;
    (void)pthread_mutex_destroy(&guard->mutex);
    free(guard);
}

enum tc_error store_guard_check(struct store_guard *guard, struct tc_fault *fault)
{
    if (guard == NULL)
        return TC_OK;
    (void)pthread_mutex_lock(&guard->mutex);
    enum tc_error error = guard->open ? TC_OK : tc_fault_set(fault, TC_UNAVAILABLE, "database: %s", guard->reason);
    (void)pthread_mutex_unlock(&guard->mutex);
    return error;
}

int64_t store_guard_epoch(struct store_guard *guard)
{
    if (guard == NULL)
        return 0;
    (void)pthread_mutex_lock(&guard->mutex);
    int64_t epoch = guard->epoch;
    (void)pthread_mutex_unlock(&guard->mutex);
    return epoch;
}

int64_t store_guard_recall(struct store_guard *guard)
{
    if (guard == NULL)
        return 0;
    (void)pthread_mutex_lock(&guard->mutex);
    int64_t recall = guard->recall;
    (void)pthread_mutex_unlock(&guard->mutex);
    return recall;
}

/* Closes the guard, and logs the reason once. The caller holds the mutex. */
static void close_for(struct store_guard *guard, const char *reason)
{
    if (!guard->open && strcmp(guard->reason, reason) == 0)
        return;
    guard->open = false;
    (void)snprintf(guard->reason, sizeof guard->reason, "%s", reason);
    LOG_ERROR("database.refused", F_STR("reason", reason));
}

static enum tc_error refuse(struct store_guard *guard, enum tc_error error, const char *reason, struct tc_fault *fault)
{
    (void)pthread_mutex_lock(&guard->mutex);
    close_for(guard, reason);
    (void)pthread_mutex_unlock(&guard->mutex);
    return tc_fault_set(fault, error, "database: %s", reason);
}

enum tc_error store_guard_refuse_unread(struct store_guard *guard, struct tc_fault *fault)
{
    return refuse(guard, TC_UNAVAILABLE, "its watermark cannot be read: is it being restored?", fault);
}

struct mark_seen store_guard_read_mark(struct store_guard *guard)
{
    if (guard == NULL)
        return (struct mark_seen){0};
    (void)pthread_mutex_lock(&guard->mutex);
    const struct mark_seen seen = {.counter = guard->mark.counter, .epoch = guard->mark.epoch};
    (void)pthread_mutex_unlock(&guard->mutex);
    return seen;
}

/* Formats the reason that another orchestrator wrote. A counter above its mark is no contradiction: orchestrators
 * without a mark have raised it since. */
static void format_other_reason(const struct sql_watermark *found, char reason[static GUARD_REASON_SIZE])
{
    char seen[64] = "numbers were given that it does not know";
    if (found->marked_counter > found->counter)
        (void)snprintf(seen, sizeof seen, "its counter was %" PRId64, found->marked_counter);
    (void)snprintf(reason, GUARD_REASON_SIZE,
                   "it was put back to an older state, as %.64s has seen: %s; nothing is done until: tellercast admin "
                   "accept-restored",
                   found->refused_by, seen);
}

/* Returns whether the database must not be used; then fills in the reason. The caller holds the mutex. */
static bool is_refused(const struct store_guard *guard, const struct sql_watermark *found, struct mark_seen seen,
                       char reason[static GUARD_REASON_SIZE])
{
    const struct watermark *mark = &guard->mark;
    if (found == NULL) {
        (void)snprintf(reason, GUARD_REASON_SIZE, "it has no installation: is it being restored?");
        return true;
    }
    if (mark->installation[0] != '\0' && strcmp(found->id, mark->installation) != 0) {
        (void)snprintf(reason, GUARD_REASON_SIZE,
                       "it is installation %.36s, and the watermark in data_folder is of installation %.36s: correct "
                       "one of the settings, or remove the watermark files for a new installation",
                       found->id, mark->installation);
        return true;
    }
    bool is_older = found->counter < seen.counter || found->epoch < seen.epoch;
    if (is_older)
        (void)snprintf(reason, GUARD_REASON_SIZE,
                       "it was put back to an older state: its counter is %" PRId64 ", and was %" PRId64
                       "; nothing is done until: tellercast admin accept-restored",
                       found->counter, seen.counter);
    else if (guard->behind[0] != '\0')
        (void)snprintf(reason, GUARD_REASON_SIZE,
                       "it was put back to an older state: its sequence %s; nothing is done until: tellercast admin "
                       "accept-restored",
                       guard->behind);
    else if (found->is_refused)
        format_other_reason(found, reason);
    else
        return false;
    return true;
}

/* Closes the guard when the database must not be used. */
static bool close_if_refused(struct store_guard *guard, const struct sql_watermark *found, struct mark_seen seen,
                             struct tc_fault *fault)
{
    char reason[GUARD_REASON_SIZE];
    (void)pthread_mutex_lock(&guard->mutex);
    bool refused = is_refused(guard, found, seen, reason);
    if (refused)
        close_for(guard, reason);
    (void)pthread_mutex_unlock(&guard->mutex);
    if (refused)
        (void)tc_fault_set(fault, TC_UNAVAILABLE, "database: %s", reason);
    return refused;
}

enum tc_error store_guard_compare(struct store_guard *guard, const struct sql_watermark *found, struct mark_seen seen,
                                  struct tc_fault *fault)
{
    if (guard == NULL)
        return TC_OK;
    if (close_if_refused(guard, found, seen, fault))
        return TC_UNAVAILABLE;
    return store_guard_check(guard, fault); /* only store_guard_count opens it */
}

static enum tc_error meet_installation(struct store_guard *guard, struct store *store, const char *expected,
                                       struct tc_fault *fault)
{
    struct sql_installation_id_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_installation_id(store, &rows, fault);
    if (error != TC_OK)
        return error;
    const char *found = rows.count == 0 ? "(none)" : sql_installation_id_at(&rows, 0).id;
    if (strcmp(found, expected) == 0)
        return TC_OK;
    char reason[GUARD_REASON_SIZE];
    (void)snprintf(
        reason, sizeof reason,
        "it is installation %.36s, and the watermark in data_folder is of installation %.36s: correct one of "
        "the settings, or remove the watermark files for a new installation",
        found, expected);
    return refuse(guard, TC_CONFLICT, reason, fault);
}

enum tc_error store_guard_meet(struct store_guard *guard, struct store *store, struct tc_fault *fault)
{
    (void)pthread_mutex_lock(&guard->mutex);
    struct watermark mark = guard->mark;
    (void)pthread_mutex_unlock(&guard->mutex);
    if (mark.installation[0] == '\0')
        return TC_OK;
    struct sql_installation_is_there_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_installation_is_there(store, &rows, fault);
    if (error != TC_OK)
        return error;
    if (sql_installation_is_there_at(&rows, 0).is_there)
        return meet_installation(guard, store, mark.installation, fault);
    char reason[GUARD_REASON_SIZE];
    (void)snprintf(reason, sizeof reason,
                   "it is empty, and the watermark in data_folder is of installation %.36s: restore its backup, or "
                   "remove the watermark files for a new installation",
                   mark.installation);
    return refuse(guard, TC_CONFLICT, reason, fault);
}

/* Makes the counted watermark the new mark. */
static enum tc_error take_count(struct store_guard *guard, const struct sql_count_watermark_row *row,
                                struct watermark *mark, struct tc_fault *fault)
{
    if (strlen(row->ids) >= sizeof mark->ids)
        return tc_fault_set(fault, TC_INTERNAL, "database: has too many sequences for a watermark");
    copy_text(mark->installation, sizeof mark->installation, row->watermark.id);
    mark->counter = row->counted;
    mark->epoch = row->watermark.epoch;
    copy_text(mark->ids, sizeof mark->ids, row->ids);
    (void)pthread_mutex_lock(&guard->mutex);
    guard->mark = *mark;
    guard->behind[0] = '\0';
    guard->recall = row->recall;
    if (!guard->open || guard->epoch != mark->epoch)
        LOG_INFO("database.accepted", F_STR("installation", mark->installation), F_INT("counter", mark->counter),
                 F_INT("epoch", mark->epoch));
    guard->epoch = mark->epoch;
    guard->open = true;
    (void)pthread_mutex_unlock(&guard->mutex);
    return TC_OK;
}

static const char *ids_of(const struct watermark *mark)
{
    return mark->ids[0] == '\0' ? "{}" : mark->ids;
}

/* Writes for the other orchestrators that this one's mark is above the database's. */
static enum tc_error write_refusal(struct store *store, const char *instance, const struct watermark *mark,
                                   struct tc_fault *fault)
{
    const struct sql_refuse_restored_params params = {
        .instance = instance, .counter = mark->counter, .epoch = mark->epoch, .ids = ids_of(mark)};
    return sql_refuse_restored(store, &params, fault);
}

static void note_behind(struct store_guard *guard, const char *behind)
{
    (void)pthread_mutex_lock(&guard->mutex);
    copy_text(guard->behind, sizeof guard->behind, behind);
    (void)pthread_mutex_unlock(&guard->mutex);
}

/* Handles a watermark that was not counted. `row` NULL: the database has none. */
static enum tc_error refuse_count(struct store_guard *guard, struct store *store, const char *instance,
                                  const struct watermark *mark, const struct sql_count_watermark_row *row,
                                  struct tc_fault *fault)
{
    note_behind(guard, row == NULL ? "" : row->behind);
    const struct mark_seen seen = {.counter = mark->counter, .epoch = mark->epoch};
    if (!close_if_refused(guard, row == NULL ? NULL : &row->watermark, seen, fault))
        return tc_fault_set(fault, TC_BUSY, "database: changed while it was checked");
    /* Only a mark of this installation proves the database older. */
    bool is_marked = row != NULL && mark->installation[0] != '\0' && strcmp(row->watermark.id, mark->installation) == 0;
    enum tc_error error = is_marked ? write_refusal(store, instance, mark, fault) : TC_OK;
    return error == TC_OK ? TC_CONFLICT : error;
}

enum tc_error store_guard_count(struct store_guard *guard, struct store *store, const char *instance,
                                struct watermark *mark, struct tc_fault *fault)
{
    (void)pthread_mutex_lock(&guard->mutex);
    *mark = guard->mark;
    (void)pthread_mutex_unlock(&guard->mutex);
    const struct sql_count_watermark_params params = {.marked_counter = mark->counter,
                                                      .marked_installation = mark->installation,
                                                      .marked_epoch = mark->epoch,
                                                      .marked_ids = ids_of(mark)};
    struct sql_count_watermark_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_count_watermark(store, &params, &rows, fault);
    if (error == TC_UNAVAILABLE || error == TC_BUSY)
        return error;
    if (error != TC_OK) {
        (void)store_guard_refuse_unread(guard, fault);
        return TC_CONFLICT;
    }
    if (rows.count != 1)
        return refuse_count(guard, store, instance, mark, NULL, fault);
    const struct sql_count_watermark_row row = sql_count_watermark_at(&rows, 0);
    return row.has_counted ? take_count(guard, &row, mark, fault)
                           : refuse_count(guard, store, instance, mark, &row, fault);
}
