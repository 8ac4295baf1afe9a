#include "orchestrator/store/device_list.h"

#include "orchestrator/rollout/words.h"
#include "orchestrator/store/connection.h"

#include <stdio.h>
#include <string.h>

bool device_state_is_known(const char *state)
{
    static const char *const states[] = {DEVICE_RETIRED, DEVICE_UNAVAILABLE, DEVICE_IN_FLIGHT, DEVICE_IDLE};
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        if (strcmp(state, states[i]) == 0)
            return true;
    }
    return false;
}

/* Whether all devices that the reader sees, or all of a presence, are in the list. */
static bool takes_any(const struct device_filter *filter)
{
    return *filter->part == '\0' && strcmp(filter->labels, "{}") == 0 && strcmp(filter->versions, "{}") == 0 &&
           *filter->state == '\0';
}

static enum tc_error read_by_presence(struct store *store, const struct device_filter *filter, const char *after,
                                      int limit, struct buffer *json, struct tc_fault *fault)
{
    const struct sql_read_devices_by_presence_params params = {.state = filter->presence,
                                                               .after = after,
                                                               .most = limit,
                                                               .scan_limit = DEVICES_OF_PRESENCE_SEARCHED,
                                                               .patterns = filter->patterns};
    struct sql_document_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_read_devices_by_presence(store, &params, &rows, fault);
    if (error == TC_OK)
        buffer_put_text(json, sql_document_at(&rows, 0).document);
    return error;
}

enum tc_error device_list_read(struct store *store, const struct device_filter *filter, const char *after, int limit,
                               struct buffer *json, struct tc_fault *fault)
{
    char presence[8] = "";
    if (filter->has_presence && takes_any(filter))
        return read_by_presence(store, filter, after, limit, json, fault);
    if (filter->has_presence)
        (void)snprintf(presence, sizeof presence, "%d", (int)filter->presence);
    const struct sql_read_devices_params params = {
        .part = filter->part,
        .labels = filter->labels,
        .versions = filter->versions,
        .state = filter->state,
        .presence = presence,
        .patterns = filter->patterns,
        .after = after,
        .most = limit,
        .few = DEVICES_COUNTED,
        .searched = takes_any(filter) && filter->patterns == NULL ? limit : DEVICES_SEARCHED,
    };
    struct sql_document_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_read_devices(store, &params, &rows, fault);
    if (error == TC_OK)
        buffer_put_text(json, sql_document_at(&rows, 0).document);
    return error;
}

enum tc_error device_list_versions(struct store *store, const struct device_filter *filter, const char *after,
                                   struct buffer *json, struct tc_fault *fault)
{
    const struct sql_read_versions_params params = {
        .part = filter->part,
        .labels = filter->labels,
        .versions = filter->versions,
        .state = filter->state,
        .patterns = filter->patterns,
        .after = after,
        .few = DEVICES_COUNTED,
        .searched = DEVICES_SEARCHED,
    };
    struct sql_document_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_read_versions(store, &params, &rows, fault);
    if (error == TC_OK)
        buffer_put_text(json, sql_document_at(&rows, 0).document);
    return error;
}
