#include "orchestrator/intake/http_relay_private.h"

#include "orchestrator/queues/submission.h"

#include <errno.h>

enum { ANSWER_PIECE = HTTP_LIBRARY_BUFFER };

/* False: the client's end is gone. */
static bool send_down(struct http_relay *relay, int64_t now_ms)
{
    while (relay_has_down(relay)) {
        size_t count = 0;
        enum server_stream_result result = server_stream_write(&relay->client, relay->down.bytes + relay->down_at,
                                                               relay->down.length - relay->down_at, &count);
        if (result == SERVER_STREAM_BLOCKED) {
            if (relay->down_pace.began_ms == 0)
                relay->down_pace = (struct pace){.began_ms = now_ms};
            return true;
        }
        if (result != SERVER_STREAM_MOVED)
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

bool relay_move_down(struct http_relay *relay, int64_t now_ms)
{
    char bytes[ANSWER_PIECE];
    int64_t ended = relay->peer->ended;
    for (int i = 0; i < RELAY_PIECES_MAX; i++) {
        if (!send_down(relay, now_ms))
            return false;
        if (relay_has_down(relay) || relay->inner.handle < 0 || relay->library_ended)
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

bool relay_end(struct http_relay *relay, int64_t now_ms)
{
    if (!relay->library_ended || relay_has_down(relay))
        return true;
    if (relay->is_refused && !relay->is_told && !(relay->in_body && relay->is_answered)) {
        relay->is_told = true;
        put_refusal(relay);
        if (!send_down(relay, now_ms))
            return false;
        if (relay_has_down(relay))
            return true;
    }
    if (!relay->is_closing) {
        relay->is_closing = true;
        relay->state_ms = now_ms;
        server_stream_end_output(&relay->client);
    }
    char bytes[RELAY_PIECE];
    size_t count;
    enum server_stream_result result = SERVER_STREAM_MOVED;
    for (int i = 0; i < RELAY_PIECES_MAX && result == SERVER_STREAM_MOVED; i++)
        result = server_stream_read(&relay->client, bytes, sizeof bytes, &count);
    return result == SERVER_STREAM_MOVED || result == SERVER_STREAM_BLOCKED;
}
