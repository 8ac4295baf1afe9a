/* The bytes of a client's connection, with or without TLS, without waiting. Private to the HTTP endpoint. One thread.
 */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_HTTP_STREAM_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_HTTP_STREAM_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

struct http_stream {
    int handle;
    SSL *tls;          /* NULL: none */
    bool wants_output; /* an input or the handshake waits until bytes can be sent */
};

enum http_stream_result {
    HTTP_STREAM_MOVED,
    HTTP_STREAM_BLOCKED, /* call it again when the connection is ready */
    HTTP_STREAM_ENDED,   /* the client sends no more */
    HTTP_STREAM_BROKEN,
};

/* Takes the handle. `tls` NULL: none. False: TLS cannot be had; the handle stays the caller's. */
bool http_stream_open(struct http_stream *stream, int handle, SSL_CTX *tls);
void http_stream_close(struct http_stream *stream);

/* The handshake. HTTP_STREAM_MOVED: it is done, or there is none. */
enum http_stream_result http_stream_shake(struct http_stream *stream);
enum http_stream_result http_stream_read(struct http_stream *stream, void *bytes, size_t size, size_t *count);
enum http_stream_result http_stream_write(struct http_stream *stream, const void *bytes, size_t length, size_t *count);
/* Says that nothing more will be sent. */
void http_stream_end_output(struct http_stream *stream);

#endif
