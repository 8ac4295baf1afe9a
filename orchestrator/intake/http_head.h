/* The strict check of the head of an HTTP request: RFC 9112 without any of its leniencies, so that no two readers of
 * the bytes can see different requests in them. Pure. */
#ifndef TELLERCAST_ORCHESTRATOR_INTAKE_HTTP_HEAD_H
#define TELLERCAST_ORCHESTRATOR_INTAKE_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of a head, and header fields in it. */
#define HTTP_HEAD_MAX 16384
#define HTTP_FIELDS_MAX 64

/* Why a request is refused. */
struct http_head_fault {
    int status;       /* 400, 414, 431, 501 or 505 */
    const char *text; /* constant */
};

/* How the body is framed. */
struct http_head {
    bool is_chunked;
    int64_t length; /* unless chunked; 0: no body */
};

enum http_head_state {
    HTTP_HEAD_MORE,    /* the head has not ended yet */
    HTTP_HEAD_WHOLE,   /* *length: its bytes, the empty line included */
    HTTP_HEAD_REFUSED, /* it cannot become correct any more */
};

/* Finds the end of the head that `bytes` begin with. `seen`: how many of the bytes the last call had, 0 at first, so
 * that a head that arrives byte by byte is read once. */
enum http_head_state http_head_find_end(const char *bytes, size_t count, size_t seen, size_t *length,
                                        struct http_head_fault *fault);

/* Checks a whole head, of `length` bytes as http_head_find_end found it. False: refused. */
bool http_head_check(const char *bytes, size_t length, struct http_head *head, struct http_head_fault *fault);

/* Characters of a token (RFC 9110 section 5.6.2), such as a field's name. */
bool http_is_token_character(char c);

#endif
