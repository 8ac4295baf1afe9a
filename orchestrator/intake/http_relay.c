#include "orchestrator/intake/http_relay_private.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { LINGER_MS = 2000, SECOND_MS = 1000 };

struct http_relay *http_relay_open(const struct http_front_config *config, int poll, int handle, SSL_CTX *tls,
                                   struct http_peer *peer, void *owner, int64_t now_ms)
{
    struct http_relay *relay = calloc(1, sizeof *relay);
    TC_CHECK(relay != NULL);
    if (!server_stream_open(&relay->client, handle, tls)) {
        free(relay);
        return NULL;
    }
    relay->config = config;
    relay->peer = peer;
    relay->poll = poll;
    relay->outer = (struct http_watch){owner, handle, 0};
    relay->inner = (struct http_watch){owner, -1, 0};
    relay->state_ms = relay->moved_ms = now_ms;
    return relay;
}

void http_relay_close(struct http_relay *relay)
{
    if (relay->inner.handle >= 0)
        (void)close(relay->inner.handle);
    server_stream_close(&relay->client);
    http_peer_release(relay->peer);
    buffer_free(&relay->head);
    buffer_free(&relay->rest);
    buffer_free(&relay->up);
    buffer_free(&relay->down);
    free(relay);
}

const struct http_peer *http_relay_peer(const struct http_relay *relay)
{
    return relay->peer;
}

/* ---- events ---- */

static void watch(struct http_relay *relay, struct http_watch *watched, uint32_t events)
{
    if (watched->handle < 0 || events == watched->events)
        return;
    struct epoll_event event = {.events = events, .data.ptr = watched};
    int change = events == 0 ? EPOLL_CTL_DEL : watched->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    TC_CHECK(epoll_ctl(relay->poll, change, watched->handle, &event) == 0);
    watched->events = events;
}

static void watch_both(struct http_relay *relay)
{
    bool reads = relay->is_closing || relay_may_receive(relay);
    uint32_t outer = (reads ? EPOLLIN : 0U) | (relay_has_down(relay) || relay->client.wants_output ? EPOLLOUT : 0U);
    uint32_t inner =
        (relay_has_down(relay) || relay->library_ended ? 0U : EPOLLIN) | (relay_has_up(relay) ? EPOLLOUT : 0U);
    watch(relay, &relay->outer, outer);
    watch(relay, &relay->inner, inner);
}

/* Keeps the certificate that the client showed. */
static void finish_handshake(struct http_relay *relay, int64_t now_ms)
{
    relay->is_shaken = true;
    relay->state_ms = relay->moved_ms = now_ms;
    relay->peer->certificate = server_stream_take_certificate(&relay->client, &relay->peer->certificate_length);
}

/* Moves what can be moved, in both directions. False: the connection has ended. */
static bool move_all(struct http_relay *relay, int64_t now_ms)
{
    int64_t answered;
    do {
        answered = relay->answered;
        if (!relay_move_up(relay, now_ms) || !relay_move_down(relay, now_ms))
            return false;
    } while (relay->answered > answered); /* the next request has its turn */
    return relay_end(relay, now_ms);
}

bool http_relay_step(struct http_relay *relay, const struct http_watch *watched, uint32_t events, int64_t now_ms)
{
    if (watched == &relay->outer && (events & (EPOLLERR | EPOLLHUP)) != 0)
        return false;
    if (!relay->is_shaken) {
        enum server_stream_result result = server_stream_shake(&relay->client);
        if (result == SERVER_STREAM_MOVED)
            finish_handshake(relay, now_ms);
        else if (result != SERVER_STREAM_BLOCKED)
            return false;
    }
    if (relay->is_shaken && !move_all(relay, now_ms))
        return false;
    watch_both(relay);
    return true;
}

/* ---- time ---- */

static bool is_slow(const struct pace *pace, int64_t rate, int64_t now_ms)
{
    int64_t over_ms = now_ms - pace->began_ms - INT64_C(1000) * HTTP_GRACE_S;
    return over_ms > 0 && pace->bytes < over_ms * rate / SECOND_MS;
}

bool http_relay_is_late(const struct http_relay *relay, int64_t now_ms)
{
    int64_t state_ms = now_ms - relay->state_ms, still_ms = now_ms - relay->moved_ms;
    if (!relay->is_shaken)
        return state_ms > INT64_C(1000) * HTTP_HANDSHAKE_S;
    if (relay->is_closing)
        return state_ms > LINGER_MS;
    if (relay_has_down(relay))
        return still_ms > INT64_C(1000) * relay->config->idle_s || is_slow(&relay->down_pace, HTTP_ANSWER_RATE, now_ms);
    if (relay->is_refused || relay->client_ended || relay_has_up(relay))
        return false; /* the library's turn */
    if (relay->in_body)
        return still_ms > INT64_C(1000) * HTTP_GRACE_S || is_slow(&relay->body_pace, HTTP_BODY_RATE, now_ms);
    if (relay->head.length > 0 || relay->inner.handle < 0)
        return state_ms > INT64_C(1000) * HTTP_HEAD_S;
    return !relay_is_library_busy(relay) && still_ms > INT64_C(1000) * relay->config->idle_s;
}

int64_t http_relay_idle_since_ms(const struct http_relay *relay)
{
    bool waits = relay->in_body || relay_has_up(relay) || relay_has_down(relay) || relay->is_refused;
    bool has_begun = relay->inner.handle < 0 || relay->head.length > 0;
    if (waits || relay_is_library_busy(relay))
        return -1;
    return has_begun ? relay->state_ms : relay->moved_ms;
}

bool http_relay_waits_for_client(const struct http_relay *relay)
{
    return relay->is_closing || relay_has_down(relay) || (relay->in_body && !relay_has_up(relay));
}

bool http_relay_is_busy(const struct http_relay *relay)
{
    return relay_has_down(relay) || (relay->inner.handle >= 0 && !relay->library_ended);
}
