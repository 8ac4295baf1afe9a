#include "orchestrator/store/read.h"

#include "config/fleet_reserved.h"
#include "orchestrator/store/connection.h"

#include <stdlib.h>
#include <string.h>

enum { ID_DIGITS_MAX = 18 }; /* fits a bigint */

/* Devices that a page looks at, or of rollouts that are partly in a scope, and instructions of a page with a filter:
 * some hundredths of a second. */
enum { ROLLOUTS_SCANNED = 5000, AFFECTED_SEARCHED = 5000, INSTRUCTIONS_SEARCHED = 5000 };

/* Appends the document. No row: TC_NOT_FOUND. */
static enum tc_error put_document(const struct sql_document_rows *rows, struct buffer *json, struct tc_fault *fault)
{
    if (rows->count == 0)
        return tc_fault_set(fault, TC_NOT_FOUND, "database: no entry has this name or ID");
    buffer_put_text(json, sql_document_at(rows, 0).document);
    return TC_OK;
}

/* Parses a positive decimal number without a leading zero; else 0, which is never an ID. */
static int64_t id_of(const char *reference)
{
    size_t digits = strspn(reference, "0123456789");
    bool is_id = digits > 0 && digits <= ID_DIGITS_MAX && reference[digits] == '\0' && reference[0] != '0';
    return is_id ? strtoll(reference, NULL, 10) : 0;
}

enum tc_error read_rollouts(struct store *store, const char *patterns, const char *reference, int64_t after, int limit,
                            struct buffer *json, struct tc_fault *fault)
{
    int64_t id = reference == NULL ? 0 : id_of(reference);
    const struct sql_read_rollouts_params all = {.after = after, .most = limit, .name = reference, .id = id};
    const struct sql_read_rollouts_in_scope_params part = {.after = after,
                                                           .most = limit,
                                                           .name = reference,
                                                           .id = id,
                                                           .patterns = patterns,
                                                           .searched =
                                                               reference == NULL ? ROLLOUTS_SCANNED : INT64_MAX};
    struct sql_document_rows rows ROWS_AUTO = {0};
    enum tc_error error = patterns == NULL ? sql_read_rollouts(store, &all, &rows, fault)
                                           : sql_read_rollouts_in_scope(store, &part, &rows, fault);
    return error == TC_OK ? put_document(&rows, json, fault) : error;
}

enum tc_error read_rollout(struct store *store, const char *patterns, int64_t id, struct buffer *json,
                           struct tc_fault *fault)
{
    const struct sql_read_rollout_params whole = {.rollout = id};
    const struct sql_read_rollout_in_scope_params part = {.rollout = id, .patterns = patterns};
    struct sql_document_rows rows ROWS_AUTO = {0};
    enum tc_error error = patterns == NULL ? sql_read_rollout(store, &whole, &rows, fault)
                                           : sql_read_rollout_in_scope(store, &part, &rows, fault);
    return error == TC_OK ? put_document(&rows, json, fault) : error;
}

enum tc_error read_forecast(struct store *store, const char *patterns, int64_t rollout, struct buffer *json,
                            struct tc_fault *fault)
{
    const struct sql_read_forecast_params params = {.rollout = rollout, .patterns = patterns};
    struct sql_document_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_read_forecast(store, &params, &rows, fault);
    return error == TC_OK ? put_document(&rows, json, fault) : error;
}

enum tc_error read_instructions(struct store *store, const char *patterns, int64_t rollout, const char *state,
                                const char *group, int64_t after, int limit, struct buffer *json,
                                struct tc_fault *fault)
{
    bool is_filtered = *state != '\0' || *group != '\0' || patterns != NULL;
    const struct sql_read_instructions_params params = {.rollout = rollout,
                                                        .state = state,
                                                        .group_name = group,
                                                        .after = after,
                                                        .most = limit,
                                                        .searched = is_filtered ? INSTRUCTIONS_SEARCHED : limit,
                                                        .patterns = patterns};
    struct sql_document_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_read_instructions(store, &params, &rows, fault);
    return error == TC_OK ? put_document(&rows, json, fault) : error;
}

enum tc_error read_device(struct store *store, const char *patterns, const char *id, struct buffer *json,
                          struct tc_fault *fault)
{
    const struct sql_read_device_params params = {.device = id, .patterns = patterns};
    struct sql_document_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_read_device(store, &params, &rows, fault);
    return error == TC_OK ? put_document(&rows, json, fault) : error;
}

static void take_warning(struct fleet_warning *warning, int64_t count, const char *example)
{
    warning->count = count;
    copy_text(warning->example, sizeof warning->example, example);
}

enum tc_error read_fleet_warnings(struct store *store, const char *broker_user, struct fleet_warning *warnings,
                                  struct tc_fault *fault)
{
    size_t count = 0;
    while (fleet_reserved_ids[count] != NULL)
        count++;
    const char **reserved = calloc(count + 1, sizeof *reserved);
    TC_CHECK(reserved != NULL);
    memcpy(reserved, fleet_reserved_ids, count * sizeof *reserved);
    reserved[count] = broker_user;
    const struct sql_read_fleet_warnings_params params = {.reserved = {reserved, count + 1}};
    struct sql_read_fleet_warnings_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_read_fleet_warnings(store, &params, &rows, fault);
    free(reserved);
    if (error != TC_OK)
        return error;
    const struct sql_read_fleet_warnings_row row = sql_read_fleet_warnings_at(&rows, 0);
    take_warning(&warnings[FLEET_WARNS_OF_USER_NAMES], row.reserved_count, row.reserved_example);
    take_warning(&warnings[FLEET_WARNS_OF_DASHES], row.dashed_count, row.dashed_example);
    take_warning(&warnings[FLEET_WARNS_OF_LABELS], row.labelled_count, row.labelled_example);
    take_warning(&warnings[FLEET_WARNS_OF_NO_ZONE], row.zoneless_count, row.zoneless_example);
    return TC_OK;
}

enum tc_error read_affected(struct store *store, const char *patterns, const char *name, const char *version,
                            const char *after, int limit, struct buffer *json, struct tc_fault *fault)
{
    const struct sql_read_affected_params params = {.patterns = patterns,
                                                    .name = name,
                                                    .version = version,
                                                    .after = after,
                                                    .most = limit,
                                                    .scan_limit = AFFECTED_SEARCHED};
    struct sql_document_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_read_affected(store, &params, &rows, fault);
    return error == TC_OK ? put_document(&rows, json, fault) : error;
}

enum tc_error read_artifacts(struct store *store, struct buffer *json, struct tc_fault *fault)
{
    struct sql_document_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_read_artifacts(store, &rows, fault);
    return error == TC_OK ? put_document(&rows, json, fault) : error;
}

enum tc_error read_progress(struct store *store, int64_t rollout, struct buffer *json, struct tc_fault *fault)
{
    const struct sql_progress_params params = {.rollout = rollout};
    struct sql_document_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_progress(store, &params, &rows, fault);
    return error == TC_OK ? put_document(&rows, json, fault) : error;
}
