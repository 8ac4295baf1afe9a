#include "orchestrator/store/directory.h"

#include "orchestrator/store/connection.h"
#include "orchestrator/store/released.h"

enum tc_error directory_read_version(struct store *store, int64_t *version, struct tc_fault *fault)
{
    struct sql_directory_version_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_directory_version(store, &rows, fault);
    if (error == TC_OK)
        *version = sql_directory_version_at(&rows, 0).version;
    return error;
}

static void take_device(const struct sql_directory_page_row *row, struct directory_entry *entry)
{
    *entry = (struct directory_entry){.retired = row->is_retired, .revoked_s = row->revoked_s};
    copy_text(entry->id, sizeof entry->id, row->device);
    copy_text(entry->branch, sizeof entry->branch, row->branch == NULL ? "" : row->branch);
    TC_CHECK(device_role_parse(row->role, &entry->role)); /* the table has a constraint */
}

enum tc_error directory_read_page(struct store *store, int64_t since, const char *after, size_t most,
                                  struct directory_entry *entries, size_t *count, struct tc_fault *fault)
{
    const struct sql_directory_page_params params = {.since = since, .after = after, .most = (int64_t)most};
    struct sql_directory_page_rows rows ROWS_AUTO = {0};
    *count = 0;
    enum tc_error error = sql_directory_page(store, &params, &rows, fault);
    for (int i = 0; error == TC_OK && i < rows.count; i++) {
        const struct sql_directory_page_row row = sql_directory_page_at(&rows, i);
        take_device(&row, &entries[(*count)++]);
    }
    return error;
}

enum tc_error directory_read_revoked(struct store *store, int64_t since, const char *after, size_t most,
                                     char (*serials)[CERTIFICATE_SERIAL_MAX + 1], size_t *count, struct tc_fault *fault)
{
    const struct sql_directory_revoked_params params = {.since = since, .after = after, .most = (int64_t)most};
    struct sql_directory_revoked_rows rows ROWS_AUTO = {0};
    *count = 0;
    enum tc_error error = sql_directory_revoked(store, &params, &rows, fault);
    for (int i = 0; error == TC_OK && i < rows.count; i++)
        copy_text(serials[(*count)++], sizeof *serials, sql_directory_revoked_at(&rows, i).serial);
    return error;
}

enum tc_error directory_end_retired(struct store *store, size_t most, int shard, struct released **released,
                                    size_t *count, struct tc_fault *fault)
{
    const struct sql_end_retired_params params = {.most = (int64_t)most, .shard = shard};
    struct sql_released_rows rows ROWS_AUTO = {0};
    *released = NULL;
    *count = 0;
    enum tc_error error = sql_end_retired(store, &params, &rows, fault);
    if (error == TC_OK)
        released_take(&rows, released, count);
    return error;
}
