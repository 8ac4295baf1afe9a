#include "orchestrator/intake/http_relay_private.h"

#include "base/log.h"
#include "orchestrator/metrics/metrics.h"

#include <errno.h>
#include <unistd.h>

static void refuse(struct http_relay *relay, const struct http_head_fault *fault)
{
    relay->is_refused = true;
    relay->fault = *fault;
    metric_add(METRIC_HTTP_MALFORMED, 1);
    LOG_LIMITED(LOG_LEVEL_WARNING, relay->peer->name, "http.malformed", F_STR("endpoint", relay->config->name),
                F_STR("address", relay->peer->name), F_INT("status", fault->status), F_STR("reason", fault->text));
}

/* Opens the library's end. */
static bool open_inner(struct http_relay *relay)
{
    int pair[2], size = HTTP_LIBRARY_BUFFER;
    if (relay->inner.handle >= 0)
        return true;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
        return false;
    for (int i = 0; i < 2; i++) /* a socket of this kind has what it has sent and its peer has not read */
        (void)setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    if (!relay->config->take(relay->config->context, pair[1], relay->peer)) {
        (void)close(pair[0]);
        return false;
    }
    relay->inner.handle = pair[0];
    return true;
}

/* Takes bytes of a head. Returns how many; when the head is whole it is passed on. */
static size_t take_head(struct http_relay *relay, const char *bytes, size_t count, int64_t now_ms)
{
    if (relay->head.length == 0)
        relay->state_ms = now_ms;
    size_t before = relay->head.length, length = 0;
    struct http_head_fault fault;
    struct http_head head;
    buffer_put(&relay->head, bytes, count);
    enum http_head_state state =
        http_head_find_end(relay->head.bytes, relay->head.length, relay->head_seen, &length, &fault);
    relay->head_seen = relay->head.length;
    if (state == HTTP_HEAD_MORE)
        return count;
    if (state == HTTP_HEAD_REFUSED || !http_head_check(relay->head.bytes, length, &head, &fault)) {
        refuse(relay, &fault);
        return count;
    }
    buffer_put(&relay->up, relay->head.bytes, length);
    buffer_free(&relay->head);
    relay->head_seen = 0;
    http_body_begin(&relay->body, &head);
    relay->in_body = relay->body.part != HTTP_BODY_ENDED;
    relay->passed++;
    relay->is_answered = false;
    relay->body_pace = (struct pace){.began_ms = now_ms};
    relay->state_ms = now_ms;
    return length - before;
}

static size_t take_body(struct http_relay *relay, const char *bytes, size_t count, int64_t now_ms)
{
    size_t taken = http_body_take(&relay->body, bytes, count);
    buffer_put(&relay->up, bytes, taken);
    relay->body_pace.bytes += (int64_t)taken;
    if (relay->body.part == HTTP_BODY_REFUSED)
        refuse(relay, &(struct http_head_fault){400, "the body must be in chunks as Transfer-Encoding says"});
    if (relay->body.part == HTTP_BODY_ENDED) {
        relay->in_body = false;
        relay->state_ms = now_ms;
    }
    return taken;
}

static void take_bytes(struct http_relay *relay, const char *bytes, size_t count, int64_t now_ms)
{
    while (count > 0 && !relay->is_refused) {
        if (!relay->in_body && relay_is_answering(relay)) {
            buffer_put(&relay->rest, bytes, count);
            return;
        }
        size_t taken = relay->in_body ? take_body(relay, bytes, count, now_ms) : take_head(relay, bytes, count, now_ms);
        bytes += taken;
        count -= taken;
    }
}

/* ---- to the library ---- */

/* False: the library's end is gone. */
static bool send_up(struct http_relay *relay, int64_t now_ms)
{
    if (!relay_has_up(relay))
        return true;
    if (!open_inner(relay))
        return false;
    while (relay_has_up(relay)) {
        ssize_t sent =
            send(relay->inner.handle, relay->up.bytes + relay->up_at, relay->up.length - relay->up_at, MSG_NOSIGNAL);
        if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
            if (relay->up_blocked_ms == 0)
                relay->up_blocked_ms = now_ms;
            return true;
        }
        if (sent < 0) { /* the library has closed its end, perhaps with an answer that is still to be read */
            relay->up_at = relay->up.length;
            relay->client_ended = true;
            break;
        }
        relay->up_at += (size_t)sent;
    }
    buffer_free(&relay->up);
    relay->up_at = 0;
    if (relay->up_blocked_ms != 0) /* which is not the client's fault */
        relay->body_pace.began_ms += now_ms - relay->up_blocked_ms;
    relay->up_blocked_ms = 0;
    return true;
}

/* Takes the bytes that waited until the library had ended a request. False: the library's end is gone. */
static bool take_rest(struct http_relay *relay, int64_t now_ms)
{
    if (relay->rest.length == 0 || relay_is_answering(relay) || relay_has_up(relay))
        return true;
    struct buffer rest = relay->rest;
    relay->rest = (struct buffer){0};
    take_bytes(relay, rest.bytes, rest.length, now_ms);
    buffer_free(&rest);
    return send_up(relay, now_ms);
}

/* False: nothing more can come from the client. */
static bool receive(struct http_relay *relay, int64_t now_ms)
{
    char bytes[RELAY_PIECE];
    for (int i = 0; i < RELAY_PIECES_MAX && relay_may_receive(relay); i++) {
        size_t count = 0;
        enum server_stream_result result = server_stream_read(&relay->client, bytes, sizeof bytes, &count);
        if (result == SERVER_STREAM_BLOCKED)
            return true;
        if (result == SERVER_STREAM_BROKEN)
            return false;
        if (result == SERVER_STREAM_ENDED) {
            relay->client_ended = true;
            return relay->inner.handle >= 0;
        }
        relay->moved_ms = now_ms;
        take_bytes(relay, bytes, count, now_ms);
        if (!send_up(relay, now_ms))
            return false;
    }
    return true;
}

/* Tells the library that nothing more comes. Within a body it drops the request; otherwise it has answered all it has,
 * and closes. */
static void end_up(struct http_relay *relay)
{
    if ((!relay->is_refused && !relay->client_ended) || relay_has_up(relay) ||
        (!relay->in_body && relay_is_answering(relay)))
        return;
    if (relay->inner.handle >= 0 && !relay->in_body) {
        (void)shutdown(relay->inner.handle, SHUT_WR);
        return;
    }
    if (relay->inner.handle >= 0) /* a shutdown that comes together with bytes would not be noticed */
        (void)close(relay->inner.handle);
    relay->inner = (struct http_watch){.owner = relay->inner.owner, .handle = -1};
    relay->library_ended = true;
}

bool relay_move_up(struct http_relay *relay, int64_t now_ms)
{
    if (!send_up(relay, now_ms) || !take_rest(relay, now_ms) || !receive(relay, now_ms))
        return false;
    end_up(relay);
    relay->peer->is_awaited = relay_is_answering(relay) && (relay->rest.length > 0 || relay->client_ended);
    return true;
}
