/* What the files of the store share: one connection, its statements and their results. Private to the store. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_CONNECTION_H
#define TELLERCAST_ORCHESTRATOR_STORE_CONNECTION_H

#include "orchestrator/store/params.h"
#include "orchestrator/store/store.h"

#include "statements.h"

struct store {
    PGconn *connection; /* NULL while there is none */
    char *settings;     /* the connection string */
    char *role;
    bool by_loops;       /* store_join_by_loops */
    int64_t next_try_ms; /* monotonic; no new connection is tried before it */
    char last_reason[256];
    bool prepared[SQL_COUNT];
    struct params params;
};

/* The store's own parameters, emptied. */
struct params *store_params(struct store *store);

/* Runs a statement with the store's parameters, preparing it at its first use. On TC_OK `*result` is the
 * caller's to clear. Errors: TC_UNAVAILABLE (the connection broke, the server is not there), TC_BUSY (a
 * deadlock or a serialization failure: run the whole transaction again), TC_NO_SPACE, TC_CONFLICT (a
 * constraint), TC_INTERNAL. */
enum tc_error store_run(struct store *store, enum sql sql, PGresult **result, struct tc_fault *fault);

/* Runs a statement with the store's parameters of which only success matters. */
enum tc_error store_do(struct store *store, enum sql sql, struct tc_fault *fault);

/* As store_do, for several statements in one text, without parameters. */
enum tc_error store_script(struct store *store, const char *text, struct tc_fault *fault);

enum tc_error store_begin(struct store *store, struct tc_fault *fault);
enum tc_error store_commit(struct store *store, struct tc_fault *fault);
/* Ends the transaction, keeping `error` and its fault, and returns it. */
enum tc_error store_rollback(struct store *store, enum tc_error error);

/* Makes the connection if there is none. */
enum tc_error store_connect(struct store *store, struct tc_fault *fault);
/* Fills the fault from a result that failed, and forgets a broken connection. */
enum tc_error store_fault_from(struct store *store, const PGresult *result, const char *what, struct tc_fault *fault);

int64_t result_int(const PGresult *result, int row, int column);
bool result_bool(const PGresult *result, int row, int column);
const char *result_text(const PGresult *result, int row, int column); /* "" for null */
void result_copy(const PGresult *result, int row, int column, char *text, size_t size);
void result_clear(PGresult **result);

/* `PGresult *result RESULT_AUTO = NULL;` is cleared at the end of its scope. */
#define RESULT_AUTO __attribute__((cleanup(result_clear)))

#endif
