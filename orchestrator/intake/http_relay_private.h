/* A relay from inside. Private to its files. */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_HTTP_RELAY_PRIVATE_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_HTTP_RELAY_PRIVATE_H

#include "base/buffer.h"
#include "orchestrator/intake/http_body.h"
#include "orchestrator/intake/http_relay.h"
#include "tls/server_stream.h"

/* A piece has a whole record of TLS, so that none is left where epoll does not see it. */
enum { RELAY_PIECE = 16384, RELAY_PIECES_MAX = 16 };

/* How much of what has an end a client has moved, since when. */
struct pace {
    int64_t began_ms, bytes;
};

struct http_relay {
    const struct http_front_config *config;
    struct server_stream client;
    struct http_peer *peer;
    int poll;
    struct http_watch outer, inner; /* the client's side and the library's */
    /* To the library. */
    struct buffer head; /* of a request, until it is whole */
    size_t head_seen;
    struct http_body body; /* of the request under way */
    bool in_body;
    int64_t passed;     /* requests whose heads were passed on */
    int64_t answered;   /* of these, those whose answers were read */
    struct buffer rest; /* of the client's bytes, until the library has ended the request before */
    struct buffer up;
    size_t up_at;
    /* To the client. */
    struct buffer down;
    size_t down_at;
    bool is_shaken, is_refused, is_told, is_answered, client_ended, library_ended, is_closing;
    struct http_head_fault fault;
    /* Monotonic. */
    int64_t state_ms; /* of the last change of what is waited for */
    int64_t moved_ms; /* when bytes moved last */
    int64_t up_blocked_ms;
    struct pace body_pace, down_pace;
};

static inline bool relay_has_up(const struct http_relay *relay)
{
    return relay->up_at < relay->up.length;
}

static inline bool relay_has_down(const struct http_relay *relay)
{
    return relay->down_at < relay->down.length;
}

/* Whether the answers to the requests that were passed on have not all been read. The library gets the next request
 * after that, since it may drop the answers under way when it sees that nothing more comes. */
static inline bool relay_is_answering(const struct http_relay *relay)
{
    return relay->passed > relay->answered;
}

static inline bool relay_is_library_busy(const struct http_relay *relay)
{
    return relay->passed > relay->peer->ended;
}

static inline bool relay_may_receive(const struct http_relay *relay)
{
    return !relay_has_up(relay) && relay->rest.length == 0 && !relay->is_refused && !relay->client_ended;
}

/* http_relay_up.c: takes the client's bytes, checks them, and passes them to the library. False: the connection has
 * ended. */
bool relay_move_up(struct http_relay *relay, int64_t now_ms);

/* http_relay_down.c: passes the library's answers to the client. False: the connection has broken. */
bool relay_move_down(struct http_relay *relay, int64_t now_ms);
/* After the library's last answer: says why a request was refused, and ends the output. Reads on for a moment, since a
 * client whose bytes are not read may lose the answer. False: the connection has ended. */
bool relay_end(struct http_relay *relay, int64_t now_ms);

#endif
