#include "orchestrator/intake/http_relay.h"

#include "base/buffer.h"
#include "base/log.h"
#include "orchestrator/intake/http_body.h"
#include "orchestrator/intake/http_head.h"
#include "orchestrator/intake/http_stream.h"
#include "orchestrator/metrics/metrics.h"
#include "orchestrator/queues/submission.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* A piece has a whole record of TLS, so that none is left where epoll does not see it. */
enum { PIECE = 16384, ANSWER_PIECE = 65536, PIECES_MAX = 16, LINGER_MS = 2000, SECOND_MS = 1000 };

/* How much of what has an end a client has moved, since when. */
struct pace {
    int64_t began_ms, bytes;
};

struct http_relay {
    const struct http_front_config *config;
    struct http_stream client;
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

static bool has_up(const struct http_relay *relay)
{
    return relay->up_at < relay->up.length;
}

static bool has_down(const struct http_relay *relay)
{
    return relay->down_at < relay->down.length;
}

/* Whether the answers to the requests that were passed on have not all been read. The library gets the next request
 * after that, since it may drop the answers under way when it sees that nothing more comes. */
static bool is_answering(const struct http_relay *relay)
{
    return relay->passed > relay->answered;
}

static bool is_library_busy(const struct http_relay *relay)
{
    return relay->passed > relay->peer->ended;
}

struct http_relay *http_relay_open(const struct http_front_config *config, int poll, int handle, SSL_CTX *tls,
                                   struct http_peer *peer, void *owner, int64_t now_ms)
{
    struct http_relay *relay = calloc(1, sizeof *relay);
    TC_CHECK(relay != NULL);
    if (!http_stream_open(&relay->client, handle, tls)) {
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
    http_stream_close(&relay->client);
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

/* ---- from the client ---- */

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
    int pair[2];
    if (relay->inner.handle >= 0)
        return true;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
        return false;
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
        if (!relay->in_body && is_answering(relay)) {
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
    if (!has_up(relay))
        return true;
    if (!open_inner(relay))
        return false;
    while (has_up(relay)) {
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
    if (relay->rest.length == 0 || is_answering(relay) || has_up(relay))
        return true;
    struct buffer rest = relay->rest;
    relay->rest = (struct buffer){0};
    take_bytes(relay, rest.bytes, rest.length, now_ms);
    buffer_free(&rest);
    return send_up(relay, now_ms);
}

static bool may_receive(const struct http_relay *relay)
{
    return !has_up(relay) && relay->rest.length == 0 && !relay->is_refused && !relay->client_ended;
}

/* False: nothing more can come from the client. */
static bool receive(struct http_relay *relay, int64_t now_ms)
{
    char bytes[PIECE];
    for (int i = 0; i < PIECES_MAX && may_receive(relay); i++) {
        size_t count = 0;
        enum http_stream_result result = http_stream_read(&relay->client, bytes, sizeof bytes, &count);
        if (result == HTTP_STREAM_BLOCKED)
            return true;
        if (result == HTTP_STREAM_BROKEN)
            return false;
        if (result == HTTP_STREAM_ENDED) {
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
    if ((!relay->is_refused && !relay->client_ended) || has_up(relay) || (!relay->in_body && is_answering(relay)))
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

/* ---- to the client ---- */

/* False: the client's end is gone. */
static bool send_down(struct http_relay *relay, int64_t now_ms)
{
    while (has_down(relay)) {
        size_t count = 0;
        enum http_stream_result result = http_stream_write(&relay->client, relay->down.bytes + relay->down_at,
                                                           relay->down.length - relay->down_at, &count);
        if (result == HTTP_STREAM_BLOCKED) {
            if (relay->down_pace.began_ms == 0)
                relay->down_pace = (struct pace){.began_ms = now_ms};
            return true;
        }
        if (result != HTTP_STREAM_MOVED)
            return false;
        relay->moved_ms = now_ms;
        relay->down_at += count;
        relay->down_pace.bytes += (int64_t)count;
    }
    buffer_free(&relay->down);
    relay->down_at = 0;
    relay->down_pace.began_ms = 0;
    return true;
}

/* False: the connection has broken. */
static bool pass_answers(struct http_relay *relay, int64_t now_ms)
{
    char bytes[ANSWER_PIECE];
    int64_t ended = relay->peer->ended;
    for (int i = 0; i < PIECES_MAX; i++) {
        if (!send_down(relay, now_ms))
            return false;
        if (has_down(relay) || relay->inner.handle < 0 || relay->library_ended)
            return true;
        ssize_t count = recv(relay->inner.handle, bytes, sizeof bytes, 0);
        if (count < 0 && errno == EAGAIN)
            relay->answered = ended;
        if (count < 0 && errno != ECONNRESET) /* a reset: it closed without having read all */
            return errno == EAGAIN || errno == EINTR;
        relay->library_ended = count <= 0;
        if (count > 0)
            buffer_put(&relay->down, bytes, (size_t)count);
        relay->is_answered |= count > 0;
    }
    return true;
}

/* The answer to a request that never reached the library. */
static void put_refusal(struct http_relay *relay)
{
    struct buffer body = {0};
    submission_write_problem(relay->fault.status, relay->fault.text, &body);
    buffer_format(&relay->down,
                  "HTTP/1.1 %d %s\r\nContent-Type: application/problem+json\r\nContent-Length: %zu\r\n"
                  "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n%s",
                  relay->fault.status, submission_status_title(relay->fault.status), body.length, buffer_text(&body));
    buffer_free(&body);
}

/* After the library's last answer. Reads on for a moment, since a client whose bytes are not read may lose the answer.
 * False: the connection has ended. */
static bool end(struct http_relay *relay, int64_t now_ms)
{
    if (!relay->library_ended || has_down(relay))
        return true;
    if (relay->is_refused && !relay->is_told && !(relay->in_body && relay->is_answered)) {
        relay->is_told = true;
        put_refusal(relay);
        if (!send_down(relay, now_ms))
            return false;
        if (has_down(relay))
            return true;
    }
    if (!relay->is_closing) {
        relay->is_closing = true;
        relay->state_ms = now_ms;
        http_stream_end_output(&relay->client);
    }
    char bytes[PIECE];
    size_t count;
    enum http_stream_result result = HTTP_STREAM_MOVED;
    for (int i = 0; i < PIECES_MAX && result == HTTP_STREAM_MOVED; i++)
        result = http_stream_read(&relay->client, bytes, sizeof bytes, &count);
    return result == HTTP_STREAM_MOVED || result == HTTP_STREAM_BLOCKED;
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
    bool reads = relay->is_closing || may_receive(relay);
    uint32_t outer = (reads ? EPOLLIN : 0U) | (has_down(relay) || relay->client.wants_output ? EPOLLOUT : 0U);
    uint32_t inner = (has_down(relay) || relay->library_ended ? 0U : EPOLLIN) | (has_up(relay) ? EPOLLOUT : 0U);
    watch(relay, &relay->outer, outer);
    watch(relay, &relay->inner, inner);
}

/* Keeps the certificate that the client showed. */
static void finish_handshake(struct http_relay *relay, int64_t now_ms)
{
    relay->is_shaken = true;
    relay->state_ms = relay->moved_ms = now_ms;
    X509 *shown = relay->client.tls == NULL ? NULL : SSL_get0_peer_certificate(relay->client.tls);
    int length = shown == NULL ? 0 : i2d_X509(shown, &relay->peer->certificate);
    relay->peer->certificate_length = length < 0 ? 0 : (size_t)length;
}

/* Moves what can be moved, in both directions. False: the connection has ended. */
static bool move_all(struct http_relay *relay, int64_t now_ms)
{
    int64_t answered;
    do {
        answered = relay->answered;
        if (!send_up(relay, now_ms) || !take_rest(relay, now_ms) || !receive(relay, now_ms))
            return false;
        end_up(relay);
        relay->peer->is_awaited = is_answering(relay) && (relay->rest.length > 0 || relay->client_ended);
        if (!pass_answers(relay, now_ms))
            return false;
    } while (relay->answered > answered); /* the next request has its turn */
    return true;
}

bool http_relay_step(struct http_relay *relay, const struct http_watch *watched, uint32_t events, int64_t now_ms)
{
    if (watched == &relay->outer && (events & (EPOLLERR | EPOLLHUP)) != 0)
        return false;
    if (!relay->is_shaken) {
        enum http_stream_result result = http_stream_shake(&relay->client);
        if (result == HTTP_STREAM_MOVED)
            finish_handshake(relay, now_ms);
        else if (result != HTTP_STREAM_BLOCKED)
            return false;
    }
    if (relay->is_shaken) {
        if (!move_all(relay, now_ms) || !end(relay, now_ms))
            return false;
    }
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
    if (has_down(relay))
        return still_ms > INT64_C(1000) * relay->config->idle_s || is_slow(&relay->down_pace, HTTP_ANSWER_RATE, now_ms);
    if (relay->is_refused || relay->client_ended || has_up(relay))
        return false; /* the library's turn */
    if (relay->in_body)
        return still_ms > INT64_C(1000) * HTTP_GRACE_S || is_slow(&relay->body_pace, HTTP_BODY_RATE, now_ms);
    if (relay->head.length > 0 || relay->inner.handle < 0)
        return state_ms > INT64_C(1000) * HTTP_HEAD_S;
    return !is_library_busy(relay) && still_ms > INT64_C(1000) * relay->config->idle_s;
}

int64_t http_relay_idle_since_ms(const struct http_relay *relay)
{
    bool waits = relay->in_body || has_up(relay) || has_down(relay) || relay->is_refused;
    bool has_begun = relay->inner.handle < 0 || relay->head.length > 0;
    if (waits || is_library_busy(relay))
        return -1;
    return has_begun ? relay->state_ms : relay->moved_ms;
}

bool http_relay_is_busy(const struct http_relay *relay)
{
    return has_down(relay) || (relay->inner.handle >= 0 && !relay->library_ended);
}
