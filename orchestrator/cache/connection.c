#include "orchestrator/cache/connection.h"

#include "base/clock.h"
#include "base/log.h"
#include "orchestrator/metrics/metrics.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How long calls fail at once after a failed connect, so that not every call waits for a timeout. */
enum { FAIL_FAST_MS = 500, MS_PER_SECOND = 1000, US_PER_MS = 1000 };

/* SET … EXAT came with this version. */
enum { VERSION_MAJOR = 6, VERSION_MINOR = 2 };

enum { PROBE_KEPT_S = 60, PROBE_EVERY_MS = 2000, LOG_EVERY_MS = 60000 };

static bool uses_socket(const struct cache_config *config)
{
    return config->socket_path != NULL && config->socket_path[0] != '\0';
}

void connection_close(struct connection *connection)
{
    if (connection->redis != NULL)
        redisFree(connection->redis);
    connection->redis = NULL;
}

static enum tc_error set_fault(const struct connection *connection, struct tc_fault *fault, const char *reason)
{
    const struct cache_config *config = &connection->config;
    if (uses_socket(config))
        return tc_fault_set(fault, TC_UNAVAILABLE, "redis %s: %s", config->socket_path, reason);
    return tc_fault_set(fault, TC_UNAVAILABLE, "redis %s:%d: %s", config->host, config->port, reason);
}

/* Ends the connection and keeps the reason. */
static enum tc_error drop(struct connection *connection, const char *reason)
{
    (void)set_fault(connection, &connection->last_fault, reason);
    connection_close(connection);
    return TC_UNAVAILABLE;
}

/* Whether to log a server's error: when its first word, the error's code, differs from the last one logged, and else
 * once in LOG_EVERY_MS. */
static bool should_log(struct connection *connection, const char *reason)
{
    size_t length = strcspn(reason, " ");
    bool same = strlen(connection->logged) == length && strncmp(connection->logged, reason, length) == 0;
    if (same && clock_monotonic_ms() - connection->logged_ms < LOG_EVERY_MS)
        return false;
    connection->logged_ms = clock_monotonic_ms();
    (void)snprintf(connection->logged, sizeof connection->logged, "%.*s", (int)length, reason);
    return true;
}

/* This server does not, or not yet, accept writes; another may soon be behind the same address. Other errors (no
 * memory, a full disk) are those of the right server. */
static bool is_wrong_server(const char *error)
{
    static const char *const words[] = {"READONLY", "LOADING",     "MOVED",      "ASK",
                                        "NOAUTH",   "CLUSTERDOWN", "MASTERDOWN", "WRONGPASS"};
    size_t length = strcspn(error, " ");
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strlen(words[i]) == length && strncmp(words[i], error, length) == 0)
            return true;
    }
    return false;
}

/* Ends the connection to a server that is unavailable, hangs, or does not accept writes. `reason` may be a text of the
 * connection, freed with it. */
static enum tc_error mark_unavailable(struct connection *connection, const char *reason)
{
    bool logs = is_wrong_server(reason) ? should_log(connection, reason) : connection->was_reachable;
    (void)drop(connection, reason);
    connection->next_try_ms = clock_monotonic_ms() + FAIL_FAST_MS;
    if (logs)
        LOG_WARNING("cache.lost", F_STR("reason", connection->last_fault.text));
    connection->was_reachable = false;
    return TC_UNAVAILABLE;
}

static const char *reason_of(const redisContext *redis)
{
    bool late = redis->err == REDIS_ERR_IO && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ETIMEDOUT);
    return late ? "no answer in time" : redis->errstr;
}

/* Copies a server's error without its quotation of the command, which has values, and in AUTH the password. */
static void copy_error(const redisReply *reply, char *reason, size_t size)
{
    const char *quotation = strstr(reply->str, ", with args");
    int length = (int)(quotation == NULL ? strlen(reply->str) : (size_t)(quotation - reply->str));
    (void)snprintf(reason, size, "%.*s", length, reply->str);
}

/* False with `reason` after an error reply, or when the connection was lost. */
static bool authenticate(redisContext *redis, const struct cache_config *config, char *reason, size_t size)
{
    const char *password = config->password;
    redisReply *reply = config->user == NULL ? redisCommand(redis, "AUTH %s", password)
                                             : redisCommand(redis, "AUTH %s %s", config->user, password);
    bool accepted = reply != NULL && reply->type != REDIS_REPLY_ERROR;
    if (reply == NULL)
        (void)snprintf(reason, size, "%s", reason_of(redis));
    else if (!accepted)
        copy_error(reply, reason, size);
    if (!is_wrong_server(reason) && strstr(reason, password) != NULL)
        (void)snprintf(reason, size, "the server refused AUTH with an error that quotes the password");
    freeReplyObject(reply);
    return accepted;
}

void connection_append_probe(redisContext *redis, void *context, size_t i)
{
    (void)i;
    const struct connection *connection = context;
    int64_t expires_s = clock_now_ms() / MS_PER_SECOND + PROBE_KEPT_S;
    TC_CHECK(redisAppendCommand(redis, "SET %s:probe 1 EXAT %lld", connection->config.prefix, (long long)expires_s) ==
             REDIS_OK);
}

static bool is_old(const redisReply *info, char *reason, size_t size)
{
    static const char label[] = "\nredis_version:";
    const char *found = info->type == REDIS_REPLY_STRING ? strstr(info->str, label) : NULL;
    if (found == NULL)
        return false; /* unknown: accepted */
    found += sizeof label - 1;
    char *end;
    long major = strtol(found, &end, 10);
    long minor = *end == '.' ? strtol(end + 1, NULL, 10) : 0;
    if (major > VERSION_MAJOR || (major == VERSION_MAJOR && minor >= VERSION_MINOR))
        return false;
    (void)snprintf(reason, size, "Redis %d.%d or newer is needed; this server is %.*s", VERSION_MAJOR, VERSION_MINOR,
                   (int)strcspn(found, "\r\n"), found);
    return true;
}

/* Checks a new connection's server: its version, and that it accepts writes. False with the reason. */
static bool check_server(struct connection *connection, char *reason, size_t size)
{
    redisContext *redis = connection->redis;
    TC_CHECK(redisAppendCommand(redis, "INFO server") == REDIS_OK);
    connection_append_probe(redis, connection, 1);
    bool good = true;
    for (int i = 0; i < 2; i++) {
        void *answer = NULL;
        if (redisGetReply(redis, &answer) != REDIS_OK) {
            (void)snprintf(reason, size, "%s", reason_of(redis));
            return false;
        }
        redisReply *reply = answer;
        if (good && i == 0)
            good = !is_old(reply, reason, size);
        if (good && reply->type == REDIS_REPLY_ERROR && is_wrong_server(reply->str)) {
            copy_error(reply, reason, size);
            good = false;
        }
        freeReplyObject(reply);
    }
    return good;
}

static redisContext *open_context(const struct cache_config *config, struct timeval timeout)
{
    return uses_socket(config) ? redisConnectUnixWithTimeout(config->socket_path, timeout)
                               : redisConnectWithTimeout(config->host, config->port, timeout);
}

static enum tc_error connect_now(struct connection *connection)
{
    const struct cache_config *config = &connection->config;
    if (clock_monotonic_ms() < connection->next_try_ms)
        return TC_UNAVAILABLE;
    struct timeval timeout = {.tv_sec = config->timeout_ms / MS_PER_SECOND,
                              .tv_usec = (suseconds_t)(config->timeout_ms % MS_PER_SECOND) * US_PER_MS};
    redisContext *redis = open_context(config, timeout);
    TC_CHECK(redis != NULL);
    connection->redis = redis;
    if (redis->err != 0)
        return mark_unavailable(connection, redis->errstr);
    if (redisSetTimeout(redis, timeout) != REDIS_OK)
        return mark_unavailable(connection, redis->errstr);
    char reason[TC_FAULT_TEXT_SIZE / 2] = "";
    if (config->password != NULL && !authenticate(redis, config, reason, sizeof reason))
        return mark_unavailable(connection, reason);
    if (!check_server(connection, reason, sizeof reason))
        return mark_unavailable(connection, reason);
    if (!connection->was_reachable)
        LOG_INFO("cache.connected", F_STR("server", uses_socket(config) ? config->socket_path : config->host));
    connection->was_reachable = true;
    connection->probed_ms = clock_monotonic_ms();
    return TC_OK;
}

/* Handles the first error of an exchange. */
static void handle_error(struct connection *connection, const char *text, char *wrong_server, size_t size,
                         struct tc_fault *fault)
{
    (void)set_fault(connection, fault, text);
    if (is_wrong_server(text))
        (void)snprintf(wrong_server, size, "%s", text);
    else if (should_log(connection, text))
        LOG_WARNING("cache.refused", F_STR("reason", text));
}

static bool is_error_of(const struct exchange *exchange, const redisReply *reply)
{
    static const char wrong_type[] = "WRONGTYPE ";
    bool is_wrong_type =
        reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, wrong_type, sizeof wrong_type - 1) == 0;
    return reply->type == REDIS_REPLY_ERROR && !(is_wrong_type && exchange->takes_wrong_types);
}

/* Reads all replies, also after an error, so that the next exchange reads its own. */
static enum tc_error exchange_once(struct connection *connection, const struct exchange *exchange,
                                   struct tc_fault *fault)
{
    redisContext *redis = connection->redis;
    enum tc_error error = TC_OK;
    char wrong_server[TC_FAULT_TEXT_SIZE / 2] = "";
    int64_t begun_us = clock_monotonic_us();
    for (size_t i = 0; i < exchange->count; i++)
        exchange->append(redis, exchange->context, i);
    for (size_t i = 0; i < exchange->count; i++) {
        void *answer = NULL;
        if (redisGetReply(redis, &answer) != REDIS_OK) {
            connection->was_closed = redis->err == REDIS_ERR_EOF || errno == EPIPE || errno == ECONNRESET;
            (void)(connection->was_closed ? drop : mark_unavailable)(connection, reason_of(redis));
            return tc_fault_set(fault, TC_UNAVAILABLE, "%s", connection->last_fault.text);
        }
        redisReply *reply = answer;
        bool is_error = is_error_of(exchange, reply);
        bool good = !is_error && (exchange->take == NULL || exchange->take(exchange->context, i, reply));
        if (!good && error == TC_OK) {
            char text[TC_FAULT_TEXT_SIZE / 2] = "unexpected type of reply";
            if (is_error)
                copy_error(reply, text, sizeof text);
            error = TC_UNAVAILABLE;
            handle_error(connection, text, wrong_server, sizeof wrong_server, fault);
        }
        freeReplyObject(reply);
    }
    metric_observe(HISTOGRAM_CACHE, clock_monotonic_us() - begun_us);
    if (*wrong_server != '\0')
        (void)mark_unavailable(connection, wrong_server);
    return error;
}

/* Writes periodically: a server that became a replica keeps its connections and still answers reads. */
static void probe_periodically(struct connection *connection)
{
    int64_t now_ms = clock_monotonic_ms();
    if (connection->redis == NULL || now_ms - connection->probed_ms < PROBE_EVERY_MS)
        return;
    connection->probed_ms = now_ms;
    const struct exchange probe = {.count = 1, .append = connection_append_probe, .context = connection};
    (void)exchange_once(connection, &probe, NULL);
}

enum tc_error connection_exchange(struct connection *connection, const struct exchange *exchange,
                                  struct tc_fault *fault)
{
    probe_periodically(connection);
    if (connection->redis != NULL) {
        enum tc_error error = exchange_once(connection, exchange, fault);
        if (connection->redis != NULL || !connection->was_closed)
            return error;
    }
    if (connect_now(connection) != TC_OK)
        return tc_fault_set(fault, TC_UNAVAILABLE, "%s", connection->last_fault.text);
    return exchange_once(connection, exchange, fault);
}
