/* The connection of a store, its statements and their results. Private to the store. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_CONNECTION_H
#define TELLERCAST_ORCHESTRATOR_STORE_CONNECTION_H

#include "orchestrator/store/act.h"
#include "orchestrator/store/params.h"
#include "orchestrator/store/result.h"
#include "orchestrator/store/store.h"

#include "statements.h"

/* Unknown values that a store remembers to have logged. */
#define UNKNOWN_LOGGED 64

/* The most that a statement may take: by default, and after store_allow_long. */
enum { STORE_STEP_MS = 30000, STORE_LONG_MS = 600000 };

/* A call that waits for the server; see silence.c. */
struct wait {
    struct wait *next, **place; /* in the list of all waits */
    int socket;
    int64_t connected_ms, began_ms; /* monotonic */
    int64_t limit_ms;               /* 0: none */
    int64_t given_up_after_ms;      /* 0: not given up */
};

struct store {
    PGconn *connection; /* NULL while there is none */
    struct wait wait;
    char *settings;    /* the connection string */
    char *own_options; /* from the connection string */
    char *role;
    bool by_loops;             /* store_join_by_loops */
    bool reads_too;            /* store_allow_reading */
    bool takes_long;           /* store_allow_long */
    bool takes_any_time;       /* the present statements have no limit */
    bool took_writes;          /* when it connected */
    int64_t connected_ms;      /* monotonic */
    int64_t used_ms;           /* monotonic; when the connection last answered */
    struct store_guard *guard; /* store_use_guard; NULL: none */
    /* store_use_policy; NULL: not checked */
    const struct policy_in_force *policy;
    /* acts.h: the act that the next commit records; NULL: none. `record_act` is not NULL then. */
    struct act *act;
    enum tc_error (*record_act)(struct store *store, struct act *act, struct tc_fault *fault);
    int64_t next_try_ms; /* monotonic; it does not reconnect before */
    char last_reason[256];
    bool was_not_reached; /* `last_reason` is why, in the words of libpq */
    char last_state[6];   /* SQLSTATE of the last failed statement; "": the server sent none */
    bool waits_for_lock;  /* a lock timeout was logged, and no statement succeeded since */
    int64_t lock_logged_ms;
    uint64_t unknown_logged[UNKNOWN_LOGGED]; /* hashes of them */
    bool prepared[SQL_COUNT];
    struct params params;
};

/* Runs a statement with the store's parameters; prepares it at its first use. On TC_OK the caller clears `*result`.
 * Errors: as store_query. Only orchestrator/store/statement.c calls it. */
enum tc_error store_run(struct store *store, const struct sql_statement *statement, PGresult **result,
                        struct tc_fault *fault);

/* As store_run, for a statement that only reads: runs it again when its session had ended. */
enum tc_error store_run_again(struct store *store, const struct sql_statement *statement, PGresult **result,
                              struct tc_fault *fault);

/* Runs several statements in one text, without parameters. */
enum tc_error store_script(struct store *store, const char *text, struct tc_fault *fault);

/* Begins a transaction, on a new session when the present one had ended. TC_UNAVAILABLE also when the store's guard is
 * closed. */
enum tc_error store_begin(struct store *store, struct tc_fault *fault);
/* The same without the guard: for callers that only read, or that open the guard. */
enum tc_error store_begin_unguarded(struct store *store, struct tc_fault *fault);
/* The same for a transaction that only reads, from one snapshot. */
enum tc_error store_begin_snapshot(struct store *store, struct tc_fault *fault);
/* Commits. First records the store's act, if it has one, and has none any more when both are done. */
enum tc_error store_commit(struct store *store, struct tc_fault *fault);
/* Rolls the transaction back. Returns `error`, and keeps its fault. */
enum tc_error store_rollback(struct store *store, enum tc_error error);

/* session.c: connects if there is no connection, or if it broke or became read-only while it was idle. */
enum tc_error store_connect(struct store *store, struct tc_fault *fault);
void store_disconnect(struct store *store);
/* silence.c: around each call that waits for the server. */
void store_begin_wait(struct store *store);
void store_end_wait(struct store *store);
/* Whether the session was closed because its server did not answer; `message` then has this reason. */
bool store_was_silent(const struct store *store, char *message, size_t size);
/* Logs why the database is unavailable, or ("") that it is connected; only when that changed. */
void store_log_state(struct store *store, const char *reason);
/* Fills the fault from a failed result, and closes a broken connection. */
enum tc_error store_fault_from(struct store *store, const PGresult *result, const char *what, struct tc_fault *fault);

/* Whether the last statement failed because of its values, and would fail again: an invalid value, a result out of
 * range, a limit of the server. */
bool store_refused_values(const struct store *store);
/* Whether the disk was full for a statement of any store in the last `within_ms`. Any thread. */
bool store_was_full(int64_t within_ms);

/* Logs once that a row of this rollout (0: of none) has a value that this version does not know. */
void store_log_unknown(struct store *store, int64_t rollout, const char *what, const char *value);

#endif
