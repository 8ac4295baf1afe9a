/* For any bytes as a request: they are read alike in one piece and in many; and a head that is accepted has one framing
 * alone, in every reading: its lines end in CR LF, no line is continued, and Content-Length and Transfer-Encoding are
 * there once together at most. The first byte: the size of the pieces. */
#include "base/fault.h"
#include "orchestrator/intake/http_body.h"
#include "orchestrator/intake/http_head.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct reading {
    enum http_head_state state;
    size_t length; /* of the head */
    struct http_head_fault fault;
};

static struct reading find_end(const char *bytes, size_t count, size_t piece)
{
    struct reading reading = {.state = HTTP_HEAD_MORE};
    for (size_t seen = 0; seen < count && reading.state == HTTP_HEAD_MORE; seen += piece) {
        size_t arrived = count - seen < piece ? count : seen + piece;
        reading.state = http_head_find_end(bytes, arrived, seen, &reading.length, &reading.fault);
    }
    return reading;
}

static size_t skip_blanks(const char *head, size_t length, size_t at)
{
    while (at < length && (head[at] == ' ' || head[at] == '\t'))
        at++;
    return at;
}

/* Returns how many fields have this name, as a reader would count them who is as lenient as can be. */
static int count_fields(const char *head, size_t length, const char *name)
{
    int count = 0;
    for (size_t i = 1; i < length; i++) {
        if (head[i - 1] != '\n' && head[i - 1] != '\r' && head[i - 1] != '\0')
            continue;
        size_t begin = skip_blanks(head, length, i), end = begin + strlen(name);
        if (end < length && strncasecmp(head + begin, name, strlen(name)) == 0 &&
            head[skip_blanks(head, length, end)] == ':')
            count++;
    }
    return count;
}

static void check_accepted(const char *head, size_t length, const struct http_head *found)
{
    int lengths = count_fields(head, length, "content-length"),
        codings = count_fields(head, length, "transfer-encoding");
    TC_CHECK(length <= HTTP_HEAD_MAX && memcmp(head + length - 4, "\r\n\r\n", 4) == 0);
    TC_CHECK(memchr(head, '\0', length) == NULL);
    for (size_t i = 1; i < length; i++) {
        TC_CHECK((head[i] == '\n') == (head[i - 1] == '\r'));
        TC_CHECK(head[i - 1] != '\n' || (head[i] != ' ' && head[i] != '\t'));
    }
    TC_CHECK(lengths + codings <= 1 && count_fields(head, length, "host") <= 1);
    TC_CHECK(found->is_chunked == (codings > 0));
    TC_CHECK(found->length >= 0 && (!found->is_chunked || found->length == 0));
    TC_CHECK(lengths > 0 || found->length == 0);
}

static size_t take_body(const struct http_head *head, const char *bytes, size_t count, size_t piece,
                        struct http_body *body)
{
    size_t at = 0;
    http_body_begin(body, head);
    while (at < count && body->part != HTTP_BODY_ENDED && body->part != HTTP_BODY_REFUSED) {
        size_t given = count - at < piece ? count - at : piece, taken = http_body_take(body, bytes + at, given);
        TC_CHECK(taken <= given);
        TC_CHECK(taken == given || body->part == HTTP_BODY_ENDED || body->part == HTTP_BODY_REFUSED);
        at += taken;
    }
    return at;
}

static void check_body(const struct http_head *head, const char *bytes, size_t count, size_t piece)
{
    struct http_body whole, pieces;
    size_t taken = take_body(head, bytes, count, count, &whole);
    TC_CHECK(take_body(head, bytes, count, piece, &pieces) == taken);
    TC_CHECK(pieces.part == whole.part && pieces.left == whole.left && whole.left >= 0);
    if (!head->is_chunked)
        TC_CHECK(whole.part != HTTP_BODY_REFUSED && taken <= (size_t)head->length);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length)
{
    if (length < 2)
        return 0;
    size_t piece = input[0] == 0 ? 1 : input[0], count = length - 1;
    const char *bytes = (const char *)input + 1;
    struct reading whole = find_end(bytes, count, count), pieces = find_end(bytes, count, piece);
    TC_CHECK(pieces.state == whole.state && pieces.length == whole.length && pieces.fault.status == whole.fault.status);
    struct http_head head;
    struct http_head_fault fault;
    if (whole.state != HTTP_HEAD_WHOLE)
        return 0;
    if (!http_head_check(bytes, whole.length, &head, &fault)) {
        TC_CHECK(fault.text != NULL &&
                 (fault.status == 505 || fault.status == 501 || (fault.status >= 400 && fault.status < 432)));
        return 0;
    }
    check_accepted(bytes, whole.length, &head);
    check_body(&head, bytes + whole.length, count - whole.length, piece);
    return 0;
}
