/* The bytes of a client's connection, with or without TLS, without waiting. One thread.
 */
#ifndef TELLERCAST_TLS_SERVER_STREAM_H
#define TELLERCAST_TLS_SERVER_STREAM_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>

struct server_stream {
    int handle;
    SSL *tls;          /* NULL: none */
    bool wants_output; /* an input or the handshake waits until bytes can be sent */
};

enum server_stream_result {
    SERVER_STREAM_MOVED,
    SERVER_STREAM_BLOCKED, /* call it again when the connection is ready */
    SERVER_STREAM_ENDED,   /* the client sends no more */
    SERVER_STREAM_BROKEN,
};

/* Takes the handle. `tls` NULL: none. False: TLS cannot be had; the handle stays the caller's. */
bool server_stream_open(struct server_stream *stream, int handle, SSL_CTX *tls);
void server_stream_close(struct server_stream *stream);

/* The handshake. SERVER_STREAM_MOVED: it is done, or there is none. */
enum server_stream_result server_stream_shake(struct server_stream *stream);
enum server_stream_result server_stream_read(struct server_stream *stream, void *bytes, size_t size, size_t *count);
enum server_stream_result server_stream_write(struct server_stream *stream, const void *bytes, size_t length,
                                              size_t *count);
/* The certificate that the client showed, whose key it has proven to have, in DER. The caller frees it. NULL: none. */
unsigned char *server_stream_take_certificate(const struct server_stream *stream, size_t *length);
/* Says that nothing more will be sent. */
void server_stream_end_output(struct server_stream *stream);

#endif
