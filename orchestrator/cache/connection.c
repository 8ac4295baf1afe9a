#include "orchestrator/cache/connection.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A server that is away must not cost a timeout at every call: for so long, calls fail at once. */
enum { FAIL_FAST_MS = 500, MS_PER_SECOND = 1000, US_PER_MS = 1000 };

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

/* Ends the connection and keeps why. */
static enum tc_error give_up(struct connection *connection, const char *reason)
{
    const struct cache_config *config = &connection->config;
    if (uses_socket(config))
        (void)tc_fault_set(&connection->last_fault, TC_UNAVAILABLE, "redis %s: %s", config->socket_path, reason);
    else
        (void)tc_fault_set(&connection->last_fault, TC_UNAVAILABLE, "redis %s:%d: %s", config->host, config->port,
                           reason);
    connection_close(connection);
    return TC_UNAVAILABLE;
}

/* The same for a server that is away or hangs. */
static enum tc_error lose(struct connection *connection, const char *reason)
{
    (void)give_up(connection, reason);
    connection->next_try_ms = clock_monotonic_ms() + FAIL_FAST_MS;
    if (connection->was_reachable)
        LOG_WARNING("cache.lost", F_STR("reason", connection->last_fault.text));
    connection->was_reachable = false;
    return TC_UNAVAILABLE;
}

static const char *reason_of(const redisContext *redis)
{
    bool late = redis->err == REDIS_ERR_IO && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ETIMEDOUT);
    return late ? "no answer in time" : redis->errstr;
}

/* False after an error reply, whose text is in `reason`, or when the connection broke. */
static bool authenticate(redisContext *redis, const char *password, char *reason, size_t size)
{
    redisReply *reply = redisCommand(redis, "AUTH %s", password);
    bool accepted = reply != NULL && reply->type != REDIS_REPLY_ERROR;
    if (!accepted)
        (void)snprintf(reason, size, "%s", reply == NULL ? reason_of(redis) : reply->str);
    freeReplyObject(reply);
    return accepted;
}

static enum tc_error connect_now(struct connection *connection)
{
    const struct cache_config *config = &connection->config;
    if (clock_monotonic_ms() < connection->next_try_ms)
        return TC_UNAVAILABLE;
    struct timeval timeout = {.tv_sec = config->timeout_ms / MS_PER_SECOND,
                              .tv_usec = (suseconds_t)(config->timeout_ms % MS_PER_SECOND) * US_PER_MS};
    redisContext *redis = uses_socket(config) ? redisConnectUnixWithTimeout(config->socket_path, timeout)
                                              : redisConnectWithTimeout(config->host, config->port, timeout);
    TC_CHECK(redis != NULL);
    connection->redis = redis;
    if (redis->err != 0)
        return lose(connection, redis->errstr);
    if (redisSetTimeout(redis, timeout) != REDIS_OK)
        return lose(connection, redis->errstr);
    char reason[TC_FAULT_TEXT_SIZE / 2];
    if (config->password != NULL && !authenticate(redis, config->password, reason, sizeof reason))
        return lose(connection, reason);
    if (!connection->was_reachable)
        LOG_INFO("cache.connected", F_STR("server", uses_socket(config) ? config->socket_path : config->host));
    connection->was_reachable = true;
    return TC_OK;
}

/* All replies are read, also after one that is wrong, so that the next exchange finds its own. */
static enum tc_error exchange_once(struct connection *connection, const struct exchange *exchange,
                                   struct tc_fault *fault)
{
    redisContext *redis = connection->redis;
    enum tc_error error = TC_OK;
    for (size_t i = 0; i < exchange->count; i++)
        exchange->append(redis, exchange->context, i);
    for (size_t i = 0; i < exchange->count; i++) {
        void *answer = NULL;
        if (redisGetReply(redis, &answer) != REDIS_OK) {
            connection->was_closed = redis->err == REDIS_ERR_EOF || errno == EPIPE || errno == ECONNRESET;
            (void)(connection->was_closed ? give_up : lose)(connection, reason_of(redis));
            return tc_fault_set(fault, TC_UNAVAILABLE, "%s", connection->last_fault.text);
        }
        redisReply *reply = answer;
        if (reply->type == REDIS_REPLY_ERROR)
            error = error != TC_OK ? error : tc_fault_set(fault, TC_UNAVAILABLE, "redis: %s", reply->str);
        else if (exchange->take != NULL && !exchange->take(exchange->context, i, reply))
            error = error != TC_OK ? error : tc_fault_set(fault, TC_UNAVAILABLE, "redis: an answer of another kind");
        freeReplyObject(reply);
    }
    return error;
}

enum tc_error connection_exchange(struct connection *connection, const struct exchange *exchange,
                                  struct tc_fault *fault)
{
    bool was_connected = connection->redis != NULL;
    if (was_connected) {
        enum tc_error error = exchange_once(connection, exchange, fault);
        if (connection->redis != NULL || !connection->was_closed)
            return error;
    }
    if (connect_now(connection) != TC_OK)
        return tc_fault_set(fault, TC_UNAVAILABLE, "%s", connection->last_fault.text);
    return exchange_once(connection, exchange, fault);
}
