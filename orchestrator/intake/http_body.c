#include "orchestrator/intake/http_body.h"

enum { SIZE_DIGITS_MAX = 15 };

void http_body_begin(struct http_body *body, const struct http_head *head)
{
    *body = (struct http_body){.part = head->is_chunked ? HTTP_BODY_SIZE : HTTP_BODY_LENGTH, .left = head->length};
    if (!head->is_chunked && head->length == 0)
        body->part = HTTP_BODY_ENDED;
    if (head->is_chunked)
        body->left = 0;
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_text(char c)
{
    return (unsigned char)c >= ' ' ? c != 0x7f : c == '\t';
}

static enum http_body_part wanted(char c, char wanted_byte, enum http_body_part next)
{
    return c == wanted_byte ? next : HTTP_BODY_REFUSED;
}

static enum http_body_part take_size(struct http_body *body, char c)
{
    int digit = digit_of(c);
    if (digit >= 0) {
        if (++body->line_bytes > SIZE_DIGITS_MAX)
            return HTTP_BODY_REFUSED;
        body->left = body->left * 16 + digit;
        return HTTP_BODY_SIZE;
    }
    if (body->line_bytes == 0)
        return HTTP_BODY_REFUSED;
    return c == ';' ? HTTP_BODY_EXTENSION : wanted(c, '\r', HTTP_BODY_SIZE_LF);
}

/* A text of limited length up to CR. */
static enum http_body_part take_text(struct http_body *body, char c, size_t limit, enum http_body_part next)
{
    if (c == '\r')
        return next;
    return is_text(c) && ++body->line_bytes <= limit ? body->part : HTTP_BODY_REFUSED;
}

static enum http_body_part end_size_line(struct http_body *body, char c)
{
    body->line_bytes = 0;
    return wanted(c, '\n', body->left == 0 ? HTTP_BODY_FIELD : HTTP_BODY_DATA);
}

static enum http_body_part take_name(struct http_body *body, char c)
{
    if (++body->line_bytes > HTTP_TRAILER_MAX)
        return HTTP_BODY_REFUSED;
    if (http_is_token_character(c))
        return HTTP_BODY_FIELD_NAME;
    return body->part == HTTP_BODY_FIELD_NAME ? wanted(c, ':', HTTP_BODY_FIELD_VALUE)
                                              : wanted(c, '\r', HTTP_BODY_LAST_LF);
}

/* A byte that is neither data nor counted by Content-Length. */
static enum http_body_part take_byte(struct http_body *body, char c)
{
    switch (body->part) {
    case HTTP_BODY_SIZE: return take_size(body, c);
    case HTTP_BODY_EXTENSION: return take_text(body, c, HTTP_CHUNK_LINE_MAX, HTTP_BODY_SIZE_LF);
    case HTTP_BODY_SIZE_LF: return end_size_line(body, c);
    case HTTP_BODY_DATA_CR: return wanted(c, '\r', HTTP_BODY_DATA_LF);
    case HTTP_BODY_DATA_LF: return wanted(c, '\n', HTTP_BODY_SIZE);
    case HTTP_BODY_FIELD:
    case HTTP_BODY_FIELD_NAME: return take_name(body, c);
    case HTTP_BODY_FIELD_VALUE: return take_text(body, c, HTTP_TRAILER_MAX, HTTP_BODY_FIELD_LF);
    case HTTP_BODY_FIELD_LF: return wanted(c, '\n', HTTP_BODY_FIELD);
    case HTTP_BODY_LAST_LF: return wanted(c, '\n', HTTP_BODY_ENDED);
    case HTTP_BODY_LENGTH:
    case HTTP_BODY_DATA:
    case HTTP_BODY_ENDED:
    case HTTP_BODY_REFUSED: break;
    }
    return HTTP_BODY_REFUSED;
}

static size_t take_data(struct http_body *body, size_t count)
{
    size_t taken = (uint64_t)body->left < count ? (size_t)body->left : count;
    body->left -= (int64_t)taken;
    if (body->left == 0)
        body->part = body->part == HTTP_BODY_DATA ? HTTP_BODY_DATA_CR : HTTP_BODY_ENDED;
    return taken;
}

size_t http_body_take(struct http_body *body, const char *bytes, size_t count)
{
    size_t at = 0;
    while (at < count && body->part != HTTP_BODY_ENDED) {
        if (body->part == HTTP_BODY_LENGTH || body->part == HTTP_BODY_DATA) {
            at += take_data(body, count - at);
            continue;
        }
        enum http_body_part next = take_byte(body, bytes[at]);
        body->part = next;
        if (next == HTTP_BODY_REFUSED)
            break;
        at++;
    }
    return at;
}
