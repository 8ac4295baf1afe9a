#include "orchestrator/intake/http_stream.h"

#include <errno.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

bool http_stream_open(struct http_stream *stream, int handle, SSL_CTX *tls)
{
    *stream = (struct http_stream){.handle = handle};
    if (tls == NULL)
        return true;
    stream->tls = SSL_new(tls);
    if (stream->tls != NULL && SSL_set_fd(stream->tls, handle) == 1)
        return true;
    SSL_free(stream->tls);
    ERR_clear_error();
    return false;
}

void http_stream_close(struct http_stream *stream)
{
    SSL_free(stream->tls);
    (void)close(stream->handle);
}

/* Sees to the error of a call that did not succeed. */
static enum http_stream_result result_of(struct http_stream *stream, int result)
{
    int error = SSL_get_error(stream->tls, result);
    ERR_clear_error();
    stream->wants_output = error == SSL_ERROR_WANT_WRITE;
    switch (error) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: return HTTP_STREAM_BLOCKED;
    case SSL_ERROR_ZERO_RETURN: return HTTP_STREAM_ENDED;
    default: return HTTP_STREAM_BROKEN;
    }
}

static enum http_stream_result result_of_errno(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? HTTP_STREAM_BLOCKED : HTTP_STREAM_BROKEN;
}

enum http_stream_result http_stream_shake(struct http_stream *stream)
{
    if (stream->tls == NULL)
        return HTTP_STREAM_MOVED;
    stream->wants_output = false;
    int result = SSL_accept(stream->tls);
    return result == 1 ? HTTP_STREAM_MOVED : result_of(stream, result);
}

enum http_stream_result http_stream_read(struct http_stream *stream, void *bytes, size_t size, size_t *count)
{
    stream->wants_output = false;
    if (stream->tls != NULL) {
        int result = SSL_read_ex(stream->tls, bytes, size, count);
        return result == 1 ? HTTP_STREAM_MOVED : result_of(stream, result);
    }
    ssize_t result = recv(stream->handle, bytes, size, 0);
    if (result < 0)
        return result_of_errno();
    *count = (size_t)result;
    return result == 0 ? HTTP_STREAM_ENDED : HTTP_STREAM_MOVED;
}

enum http_stream_result http_stream_write(struct http_stream *stream, const void *bytes, size_t length, size_t *count)
{
    if (stream->tls != NULL) {
        int result = SSL_write_ex(stream->tls, bytes, length, count);
        return result == 1 ? HTTP_STREAM_MOVED : result_of(stream, result);
    }
    ssize_t result = send(stream->handle, bytes, length, MSG_NOSIGNAL);
    if (result < 0)
        return result_of_errno();
    *count = (size_t)result;
    return HTTP_STREAM_MOVED;
}

void http_stream_end_output(struct http_stream *stream)
{
    if (stream->tls != NULL)
        (void)SSL_shutdown(stream->tls);
    ERR_clear_error();
    (void)shutdown(stream->handle, SHUT_WR);
}
