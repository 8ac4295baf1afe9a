#include "orchestrator/store/name_lease.h"

#include "orchestrator/store/connection.h"

#include <stdio.h>

enum { LEASE_NAME_SIZE = 96 };

/* The conductor's lease and others have names without a blank. */
static void name_lease(const char *name, char lease[static LEASE_NAME_SIZE])
{
    (void)snprintf(lease, LEASE_NAME_SIZE, "orchestrator %s", name);
}

static enum tc_error read_holder(struct store *store, const char *lease, struct name_holder *holder,
                                 struct tc_fault *fault)
{
    const struct sql_read_lease_params params = {.name = lease};
    struct sql_read_lease_rows rows ROWS_AUTO = {0};
    *holder = (struct name_holder){.instance = "unknown"};
    enum tc_error error = sql_read_lease(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    if (rows.count > 0) {
        const struct sql_read_lease_row row = sql_read_lease_at(&rows, 0);
        (void)snprintf(holder->instance, sizeof holder->instance, "%s", row.instance);
        holder->expires_ms = row.expires_ms;
    }
    return tc_fault_set(fault, TC_CONFLICT, "database: another orchestrator has this name");
}

enum tc_error name_lease_take(struct store *store, const char *name, const char *instance, int64_t lease_ms,
                              struct name_holder *holder, struct tc_fault *fault)
{
    char lease[LEASE_NAME_SIZE];
    name_lease(name, lease);
    const struct sql_take_lease_params params = {.name = lease, .instance = instance, .lease_ms = lease_ms};
    struct sql_take_lease_rows rows ROWS_AUTO = {0};
    enum tc_error error = store_connect(store, fault);
    if (error == TC_OK)
        error = sql_take_lease(store, &params, &rows, fault);
    if (error != TC_OK || sql_take_lease_at(&rows, 0).has_epoch)
        return error;
    return read_holder(store, lease, holder, fault);
}

enum tc_error name_lease_release(struct store *store, const char *name, const char *instance, struct tc_fault *fault)
{
    char lease[LEASE_NAME_SIZE];
    name_lease(name, lease);
    const struct sql_release_lease_params params = {.name = lease, .instance = instance};
    return sql_release_lease(store, &params, fault);
}
