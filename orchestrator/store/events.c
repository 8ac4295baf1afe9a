#include "orchestrator/store/events.h"

#include "orchestrator/store/connection.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- positions ---- */

enum { DIGITS_MAX = 18 };

void events_position_put(const struct events_position *position, char text[static EVENTS_POSITION_SIZE])
{
    (void)snprintf(text, EVENTS_POSITION_SIZE, "%" PRId64 "-%" PRId64, position->epoch, position->number);
}

/* Reads digits without leading zeros, up to `end`. */
static bool parse_number(const char **text, char end, int64_t *number)
{
    char *after;
    if (**text < '0' || **text > '9' || (**text == '0' && (*text)[1] != end))
        return false;
    errno = 0;
    *number = strtoll(*text, &after, 10);
    bool is_good = errno == 0 && *after == end && after - *text <= DIGITS_MAX;
    *text = after;
    return is_good;
}

bool events_position_parse(const char *text, struct events_position *position)
{
    if (!parse_number(&text, '-', &position->epoch))
        return false;
    text++;
    return parse_number(&text, '\0', &position->number);
}

/* ---- reading ---- */

enum tc_error events_read(struct store *store, const struct events_position *after, int limit, events_take *take,
                          void *context, struct events_state *state, struct tc_fault *fault)
{
    TC_CHECK(limit > 0 && limit <= EVENTS_READ_MAX);
    const struct sql_read_events_params params = {.after = after->number, .most = limit};
    struct sql_read_events_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_read_events(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    const struct sql_read_events_row first = sql_read_events_at(&rows, 0);
    *state = (struct events_state){.newest = {.epoch = first.epoch, .number = first.newest},
                                   .oldest = first.oldest,
                                   .is_reset = after->epoch != first.epoch || after->number > first.newest ||
                                               after->number < first.oldest - 1,
                                   .has_more = first.has_position && rows.count == limit};
    for (int i = 0; i < rows.count && !state->is_reset && first.has_position; i++) {
        const struct sql_read_events_row row = sql_read_events_at(&rows, i);
        const struct logged_event event = {
            .position = {.epoch = row.epoch, .number = row.position},
            .kind = row.kind,
            .readers = row.readers,
            .rollout = row.has_rollout ? row.rollout : 0,
            .freeze = row.has_freeze ? row.freeze : 0,
            .document = row.document,
            .document_of_part = row.document_of_part == NULL ? row.document : row.document_of_part,
        };
        take(context, &event);
    }
    return TC_OK;
}

static void take_none(void *context, const struct logged_event *event)
{
    (void)context, (void)event;
}

enum tc_error events_read_state(struct store *store, struct events_state *state, struct tc_fault *fault)
{
    const struct events_position end = {.number = INT64_MAX};
    return events_read(store, &end, 1, take_none, NULL, state, fault);
}

enum tc_error events_read_sights(struct store *store, const char *patterns, const int64_t *numbers, size_t count,
                                 enum event_sight *sights, struct tc_fault *fault)
{
    for (size_t i = 0; i < count; i++)
        sights[i] = patterns == NULL ? EVENT_WHOLE : EVENT_HIDDEN;
    if (patterns == NULL || count == 0)
        return TC_OK;
    const struct sql_sight_events_params params = {.positions = {.values = numbers, .count = count},
                                                   .patterns = patterns};
    struct sql_sight_events_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_sight_events(store, &params, &rows, fault);
    for (int row = 0; error == TC_OK && row < rows.count; row++) {
        const struct sql_sight_events_row seen = sql_sight_events_at(&rows, row);
        for (size_t i = 0; i < count; i++) {
            if (numbers[i] == seen.position)
                sights[i] = seen.is_whole ? EVENT_WHOLE : EVENT_IN_PART;
        }
    }
    return error;
}

/* ---- for the conductor ---- */

enum tc_error events_raise_alarms(struct store *store, int64_t *raised, int64_t *ended, struct tc_fault *fault)
{
    struct sql_raise_alarms_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_raise_alarms(store, &rows, fault);
    *raised = *ended = 0;
    if (error != TC_OK)
        return error;
    *raised = sql_raise_alarms_at(&rows, 0).raised;
    *ended = sql_raise_alarms_at(&rows, 0).ended;
    return TC_OK;
}

enum tc_error events_expire(struct store *store, int64_t retention_ms, int64_t kept, int64_t *deleted,
                            struct tc_fault *fault)
{
    const struct sql_expire_events_params params = {
        .retention_ms = retention_ms, .kept = kept, .most = EVENTS_EXPIRED_AT_ONCE};
    return sql_expire_events(store, &params, deleted, fault);
}
