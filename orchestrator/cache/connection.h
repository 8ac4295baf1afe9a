/* A connection to Redis, made at first use, and exchanges of commands and replies over it. One thread. SIGPIPE must be
 * ignored or blocked: hiredis writes without MSG_NOSIGNAL. */
#ifndef TELLERCAST_ORCHESTRATOR_CACHE_CONNECTION_H
#define TELLERCAST_ORCHESTRATOR_CACHE_CONNECTION_H

#include "orchestrator/cache/cache.h"

#include <hiredis/hiredis.h>
#include <stddef.h>

struct connection {
    struct cache_config config; /* the cache owns its texts */
    redisContext *redis;        /* NULL: not connected */
    bool was_reachable;         /* as last logged */
    bool was_closed;            /* the server closed the last connection; it was not slow */
    int64_t next_try_ms;
    int64_t probed_ms;
    int64_t logged_ms; /* when an error of the server was last logged, and its first word */
    char logged[32];
    struct tc_fault last_fault;
};

/* `count` commands in one write, then as many replies, in order. If the server has closed the connection in the
 * meantime, the exchange is repeated once on a new one: it must be safe to repeat. */
struct exchange {
    size_t count;
    void (*append)(redisContext *redis, void *context, size_t i);
    /* Called with replies that are no errors. False: not a reply to that command. May be NULL. */
    bool (*take)(void *context, size_t i, const redisReply *reply);
    bool takes_wrong_types; /* `take` is also called with the error that says that a key has another type of value */
    void *context;
};

/* TC_OK, or TC_UNAVAILABLE: no server, no answer in time, or an error in one of the replies. Ends the connection after
 * an error that says that this server accepts no writes (a replica, or still loading): the next connection may lead to
 * another server. */
enum tc_error connection_exchange(struct connection *connection, const struct exchange *exchange,
                                  struct tc_fault *fault);
void connection_close(struct connection *connection);

/* For an exchange's `append`, with the connection as its context: writes a key that expires soon, by the command that
 * writes instructions. */
void connection_append_probe(redisContext *redis, void *context, size_t i);

#endif
