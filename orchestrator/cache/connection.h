/* A connection to Redis that is made when it is needed, and one exchange of commands and replies over it.
 * One thread. SIGPIPE must be ignored or blocked: hiredis writes without MSG_NOSIGNAL. */
#ifndef TELLERCAST_ORCHESTRATOR_CACHE_CONNECTION_H
#define TELLERCAST_ORCHESTRATOR_CACHE_CONNECTION_H

#include "orchestrator/cache/cache.h"

#include <hiredis/hiredis.h>
#include <stddef.h>

struct connection {
    struct cache_config config; /* its texts are the cache's */
    redisContext *redis;        /* NULL: there is none now */
    bool was_reachable;         /* as it was last logged */
    bool was_closed;            /* it ended because the server closed it, not because the server was slow */
    int64_t next_try_ms;
    struct tc_fault last_fault;
};

/* `count` commands in one write, then as many replies, in their order. An exchange whose connection was
 * closed in the meantime by the server is made once more on a new one, so repeating it must do no harm. */
struct exchange {
    size_t count;
    void (*append)(redisContext *redis, void *context, size_t i);
    /* Sees replies that are no errors. False: this is no answer to that command. May be NULL. */
    bool (*take)(void *context, size_t i, const redisReply *reply);
    void *context;
};

/* TC_OK, or TC_UNAVAILABLE: no server, no answer in time, or an error in one of the replies. */
enum tc_error connection_exchange(struct connection *connection, const struct exchange *exchange,
                                  struct tc_fault *fault);
void connection_close(struct connection *connection);

#endif
