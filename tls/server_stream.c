#include "tls/server_stream.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

bool server_stream_open(struct server_stream *stream, int handle, SSL_CTX *tls)
{
    *stream = (struct server_stream){.handle = handle};
    if (tls == NULL)
        return true;
    stream->tls = SSL_new(tls);
    if (stream->tls != NULL && SSL_set_fd(stream->tls, handle) == 1)
        return true;
    SSL_free(stream->tls);
    ERR_clear_error();
    return false;
}

void server_stream_close(struct server_stream *stream)
{
    SSL_free(stream->tls);
    (void)close(stream->handle);
}

/* Sees to the error of a call that did not succeed. */
static enum server_stream_result result_of(struct server_stream *stream, int result)
{
    int error = SSL_get_error(stream->tls, result);
    ERR_clear_error();
    stream->wants_output = error == SSL_ERROR_WANT_WRITE;
    switch (error) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: return SERVER_STREAM_BLOCKED;
    case SSL_ERROR_ZERO_RETURN: return SERVER_STREAM_ENDED;
    default: return SERVER_STREAM_BROKEN;
    }
}

static enum server_stream_result result_of_errno(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? SERVER_STREAM_BLOCKED : SERVER_STREAM_BROKEN;
}

enum server_stream_result server_stream_shake(struct server_stream *stream)
{
    if (stream->tls == NULL)
        return SERVER_STREAM_MOVED;
    stream->wants_output = false;
    int result = SSL_accept(stream->tls);
    return result == 1 ? SERVER_STREAM_MOVED : result_of(stream, result);
}

enum server_stream_result server_stream_read(struct server_stream *stream, void *bytes, size_t size, size_t *count)
{
    stream->wants_output = false;
    if (stream->tls != NULL) {
        int result = SSL_read_ex(stream->tls, bytes, size, count);
        return result == 1 ? SERVER_STREAM_MOVED : result_of(stream, result);
    }
    ssize_t result = recv(stream->handle, bytes, size, 0);
    if (result < 0)
        return result_of_errno();
    *count = (size_t)result;
    return result == 0 ? SERVER_STREAM_ENDED : SERVER_STREAM_MOVED;
}

enum server_stream_result server_stream_write(struct server_stream *stream, const void *bytes, size_t length,
                                              size_t *count)
{
    if (stream->tls != NULL) {
        int result = SSL_write_ex(stream->tls, bytes, length, count);
        return result == 1 ? SERVER_STREAM_MOVED : result_of(stream, result);
    }
    ssize_t result = send(stream->handle, bytes, length, MSG_NOSIGNAL);
    if (result < 0)
        return result_of_errno();
    *count = (size_t)result;
    return SERVER_STREAM_MOVED;
}

void server_stream_end_output(struct server_stream *stream)
{
    if (stream->tls != NULL)
        (void)SSL_shutdown(stream->tls);
    ERR_clear_error();
    (void)shutdown(stream->handle, SHUT_WR);
}

unsigned char *server_stream_take_certificate(const struct server_stream *stream, size_t *length)
{
    X509 *shown = stream->tls == NULL ? NULL : SSL_get0_peer_certificate(stream->tls);
    unsigned char *der = NULL;
    int count = shown == NULL ? 0 : i2d_X509(shown, &der);
    *length = count < 0 ? 0 : (size_t)count;
    return der;
}
