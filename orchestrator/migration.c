#include "orchestrator/migration.h"

#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/daemon_setup.h"
#include "orchestrator/store/store.h"

enum { AGAIN_MS = 500, LOG_EVERY_MS = 60000 };

/* Says once a minute that the tables wait for another role. */
static void log_denied(const struct tc_fault *fault, int64_t *logged_ms)
{
    int64_t now_ms = clock_monotonic_ms();
    if (*logged_ms != 0 && now_ms - *logged_ms < LOG_EVERY_MS)
        return;
    *logged_ms = now_ms;
    LOG_WARNING("database.not_migrated", F_STR("reason", fault->text));
}

/* Does not touch a database other than that of the marks; waits until it is restored or the right one is set up. */
static enum tc_error prepare(struct store *store, struct store_guard *guard, struct store_clock *clock, bool *waits,
                             int64_t *logged_ms, struct tc_fault *fault)
{
    enum tc_error error = store_guard_meet(guard, store, fault);
    bool is_another = error == TC_CONFLICT; /* logged by the guard */
    if (error == TC_OK)
        error = store_migrate(store, fault);
    if (error == TC_OK)
        error = store_clock_read(clock, store, fault);
    if (error == TC_DENIED)
        log_denied(fault, logged_ms);
    else if (!is_another && tc_error_is_transient(error) &&
             error != TC_UNAVAILABLE) /* unavailable: logged by the connection */
        LOG_WARNING("database.migration_waits", F_STR("reason", fault->text));
    *waits = is_another || error == TC_DENIED || tc_error_is_transient(error);
    return error;
}

enum tc_error migration_await(const struct daemon_settings *settings, struct store_guard *guard,
                              struct store_clock *clock, struct tc_fault *fault)
{
    struct store *store;
    enum tc_error error = store_open(settings->database, "tellercastd migration", &store, fault);
    if (error != TC_OK)
        return error;
    store_allow_long(store);
    bool waits;
    int64_t logged_ms = 0;
    while (error = prepare(store, guard, clock, &waits, &logged_ms, fault), waits) {
        if (daemon_setup_is_asked_to_stop()) {
            error = tc_fault_set(fault, TC_TIMEOUT, "asked to stop while waiting for the database");
            break;
        }
        clock_sleep_ms(AGAIN_MS);
    }
    store_close(store);
    return error;
}

enum tc_error migration_run(const struct daemon_settings *settings, struct tc_fault *fault)
{
    const char *own = settings->database_migration;
    struct store *store;
    enum tc_error error = store_open(*own == '\0' ? settings->database : own, "tellercastd migrate", &store, fault);
    if (error != TC_OK)
        return error;
    store_allow_long(store);
    while (error = store_migrate(store, fault), error == TC_BUSY) {
        LOG_WARNING("database.migration_waits", F_STR("reason", fault->text));
        clock_sleep_ms(AGAIN_MS);
    }
    store_close(store);
    return error;
}
