#include "tests/failing/failing.h"

#include <MQTTAsync.h>
#include <hiredis/hiredis.h>
#include <jansson.h>
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

const char *const failing_names[FAILING_KINDS] = {
    [FAILING_NOTHING] = "nothing",
    [DATABASE_GOES_BEFORE] = "database goes before",
    [DATABASE_GOES_AFTER] = "database goes after",
    [DATABASE_DEADLOCKS] = "database deadlocks",
    [DATABASE_IS_FULL] = "database is full",
    [DATABASE_REFUSES] = "database refuses",
    [DATABASE_HAS_NO_RESULT] = "database has no result",
    [CACHE_GOES_BEFORE] = "cache goes before",
    [CACHE_GOES_AFTER] = "cache goes after",
    [CACHE_REFUSES] = "cache refuses",
    [BROKER_REFUSES] = "broker refuses",
    [MEMORY_IS_OUT] = "memory is out",
    [LIBRARY_MEMORY_IS_OUT] = "a library's memory is out",
};

void (*failing_sees_message)(const char *topic, const char *payload, size_t length);

static _Thread_local enum failing armed;
static _Thread_local int left; /* calls until the one that fails; 0: that call was made */

void failing_arm(enum failing kind, int nth)
{
    armed = kind;
    left = nth;
}

bool failing_disarm(void)
{
    armed = FAILING_NOTHING;
    return left == 0;
}

enum failing failing_hold(void)
{
    enum failing held = armed;
    armed = FAILING_NOTHING;
    return held;
}

void failing_go_on(enum failing held)
{
    armed = held;
}

/* Returns how this call of a library fails, if it can fail in the ways from `first` to `last`. */
static enum failing next_call(enum failing first, enum failing last)
{
    if (armed < first || armed > last || left == 0 || --left > 0)
        return FAILING_NOTHING;
    return armed;
}

bool failing_is_next(enum failing kind)
{
    return next_call(kind, kind) != FAILING_NOTHING;
}

/* The linker gives the libraries' own functions these names. */
#define REAL(name) __real_##name
#define WRAP(name) __wrap_##name

PGconn *REAL(PQconnectdbParams)(const char *const *keys, const char *const *values, int expand);
PGresult *REAL(PQprepare)(PGconn *connection, const char *name, const char *text, int count, const Oid *types);
PGresult *REAL(PQexecPrepared)(PGconn *connection, const char *name, int count, const char *const *values,
                               const int *lengths, const int *formats, int format);
PGresult *REAL(PQexec)(PGconn *connection, const char *text);
int REAL(PQputCopyData)(PGconn *connection, const char *bytes, int length);
int REAL(PQputCopyEnd)(PGconn *connection, const char *reason);
redisContext *REAL(redisConnectUnixWithTimeout)(const char *path, const struct timeval timeout);
int REAL(redisGetReply)(redisContext *redis, void **reply);
int REAL(MQTTAsync_send)(MQTTAsync handle, const char *topic, int length, const void *payload, int qos, int retained,
                         MQTTAsync_responseOptions *options);
void *REAL(malloc)(size_t size);
void *REAL(calloc)(size_t count, size_t size);
void *REAL(realloc)(void *memory, size_t size);
char *REAL(strdup)(const char *text);
char *REAL(strndup)(const char *text, size_t most);

PGconn *WRAP(PQconnectdbParams)(const char *const *keys, const char *const *values, int expand);
PGresult *WRAP(PQprepare)(PGconn *connection, const char *name, const char *text, int count, const Oid *types);
PGresult *WRAP(PQexecPrepared)(PGconn *connection, const char *name, int count, const char *const *values,
                               const int *lengths, const int *formats, int format);
PGresult *WRAP(PQexec)(PGconn *connection, const char *text);
int WRAP(PQputCopyData)(PGconn *connection, const char *bytes, int length);
int WRAP(PQputCopyEnd)(PGconn *connection, const char *reason);
redisContext *WRAP(redisConnectUnixWithTimeout)(const char *path, const struct timeval timeout);
int WRAP(redisGetReply)(redisContext *redis, void **reply);
int WRAP(MQTTAsync_send)(MQTTAsync handle, const char *topic, int length, const void *payload, int qos, int retained,
                         MQTTAsync_responseOptions *options);
void *WRAP(malloc)(size_t size);
void *WRAP(calloc)(size_t count, size_t size);
void *WRAP(realloc)(void *memory, size_t size);
char *WRAP(strdup)(const char *text);
char *WRAP(strndup)(const char *text, size_t most);

/* ---- libpq ---- */

static enum failing next_statement(void)
{
    return next_call(DATABASE_GOES_BEFORE, DATABASE_HAS_NO_RESULT);
}

static void cut(PGconn *connection)
{
    (void)shutdown(PQsocket(connection), SHUT_RDWR);
}

static const char *refusal(enum failing kind)
{
    switch (kind) {
    case DATABASE_DEADLOCKS: return "DO $$ BEGIN RAISE EXCEPTION 'failing' USING ERRCODE = '40P01'; END $$";
    case DATABASE_IS_FULL: return "DO $$ BEGIN RAISE EXCEPTION 'failing' USING ERRCODE = '53100'; END $$";
    case DATABASE_REFUSES: return "DO $$ BEGIN RAISE EXCEPTION 'failing' USING ERRCODE = 'XX000'; END $$";
    default: return NULL;
    }
}

/* Returns the result of a statement that was carried out, or a failure in its place. */
static PGresult *answer(PGconn *connection, enum failing kind, PGresult *result)
{
    if (kind != DATABASE_GOES_AFTER && kind != DATABASE_HAS_NO_RESULT)
        return result;
    PQclear(result);
    if (kind == DATABASE_HAS_NO_RESULT)
        return NULL;
    cut(connection);
    return REAL(PQexec)(connection, "SELECT 1"); /* it fails, and libpq notices that the connection is broken */
}

/* Called before a statement. Returns the server's refusal in its place, or NULL. */
static PGresult *refuse(PGconn *connection, enum failing kind)
{
    if (kind == DATABASE_GOES_BEFORE)
        cut(connection);
    return refusal(kind) == NULL ? NULL : REAL(PQexec)(connection, refusal(kind));
}

PGconn *WRAP(PQconnectdbParams)(const char *const *keys, const char *const *values, int expand)
{
    enum failing kind = next_statement();
    if (kind == DATABASE_HAS_NO_RESULT)
        return NULL;
    if (kind == FAILING_NOTHING)
        return REAL(PQconnectdbParams)(keys, values, expand);
    static const char *const nowhere[] = {"host", NULL};
    static const char *const folder[] = {"/nonexistent", NULL};
    return REAL(PQconnectdbParams)(nowhere, folder, 0);
}

PGresult *WRAP(PQprepare)(PGconn *connection, const char *name, const char *text, int count, const Oid *types)
{
    enum failing kind = next_statement();
    PGresult *refused = refuse(connection, kind);
    return refused != NULL ? refused : answer(connection, kind, REAL(PQprepare)(connection, name, text, count, types));
}

PGresult *WRAP(PQexecPrepared)(PGconn *connection, const char *name, int count, const char *const *values,
                               const int *lengths, const int *formats, int format)
{
    enum failing kind = next_statement();
    PGresult *refused = refuse(connection, kind);
    if (refused != NULL)
        return refused;
    PGresult *result = REAL(PQexecPrepared)(connection, name, count, values, lengths, formats, format);
    return answer(connection, kind, result);
}

PGresult *WRAP(PQexec)(PGconn *connection, const char *text)
{
    enum failing kind = next_statement();
    PGresult *refused = refuse(connection, kind);
    return refused != NULL ? refused : answer(connection, kind, REAL(PQexec)(connection, text));
}

/* During a COPY the server sends no answers, so only the connection can fail. */
int WRAP(PQputCopyData)(PGconn *connection, const char *bytes, int length)
{
    if (next_statement() != FAILING_NOTHING)
        cut(connection);
    return REAL(PQputCopyData)(connection, bytes, length);
}

int WRAP(PQputCopyEnd)(PGconn *connection, const char *reason)
{
    if (next_statement() != FAILING_NOTHING)
        cut(connection);
    return REAL(PQputCopyEnd)(connection, reason);
}

/* ---- hiredis ---- */

redisContext *WRAP(redisConnectUnixWithTimeout)(const char *path, const struct timeval timeout)
{
    bool fails = next_call(CACHE_GOES_BEFORE, CACHE_REFUSES) != FAILING_NOTHING;
    return REAL(redisConnectUnixWithTimeout)(fails ? "/nonexistent/redis" : path, timeout);
}

/* Makes an error reply as hiredis does. */
static redisReply *error_reply(void)
{
    static const char text[] = "OOM command not allowed when used memory > 'maxmemory'.";
    redisReply *reply = calloc(1, sizeof *reply);
    reply->type = REDIS_REPLY_ERROR;
    reply->str = strdup(text);
    reply->len = sizeof text - 1;
    return reply;
}

int WRAP(redisGetReply)(redisContext *redis, void **reply)
{
    enum failing kind = next_call(CACHE_GOES_BEFORE, CACHE_REFUSES);
    if (kind == CACHE_GOES_BEFORE)
        (void)shutdown(redis->fd, SHUT_RDWR);
    int result = REAL(redisGetReply)(redis, reply);
    if (kind != CACHE_GOES_AFTER && kind != CACHE_REFUSES)
        return result;
    if (result == REDIS_OK)
        freeReplyObject(*reply);
    *reply = kind == CACHE_REFUSES ? error_reply() : NULL;
    if (kind == CACHE_REFUSES)
        return REDIS_OK;
    (void)shutdown(redis->fd, SHUT_RDWR);
    return REAL(redisGetReply)(redis, reply);
}

/* ---- paho ---- */

int WRAP(MQTTAsync_send)(MQTTAsync handle, const char *topic, int length, const void *payload, int qos, int retained,
                         MQTTAsync_responseOptions *options)
{
    if (next_call(BROKER_REFUSES, BROKER_REFUSES) != FAILING_NOTHING)
        return MQTTASYNC_FAILURE;
    enum failing held = failing_hold(); /* the observer may use the database */
    if (failing_sees_message != NULL)
        failing_sees_message(topic, payload, (size_t)length);
    failing_go_on(held);
    return REAL(MQTTAsync_send)(handle, topic, length, payload, qos, retained, options);
}

/* ---- memory ---- */

static bool is_out(void)
{
    return failing_is_next(MEMORY_IS_OUT);
}

void *WRAP(malloc)(size_t size)
{
    return is_out() ? NULL : REAL(malloc)(size);
}

void *WRAP(calloc)(size_t count, size_t size)
{
    return is_out() ? NULL : REAL(calloc)(count, size);
}

void *WRAP(realloc)(void *memory, size_t size)
{
    return is_out() ? NULL : REAL(realloc)(memory, size);
}

char *WRAP(strdup)(const char *text)
{
    return is_out() ? NULL : REAL(strdup)(text);
}

char *WRAP(strndup)(const char *text, size_t most)
{
    return is_out() ? NULL : REAL(strndup)(text, most);
}

/* jansson uses this malloc, too. */
static void *allocate_json(size_t size)
{
    return is_out() ? NULL : REAL(malloc)(size);
}

__attribute__((constructor)) static void lead_jansson_here(void)
{
    json_set_alloc_funcs(allocate_json, free);
}
