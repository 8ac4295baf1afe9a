#include "base/buffer.h"
#include "orchestrator/intake/http_body.h"
#include "orchestrator/intake/http_head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TEXT(text) text, sizeof(text) - 1
#define GET "GET / HTTP/1.1\r\nHost: a\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a\r\n"

struct request {
    const char *bytes;
    size_t length;
    int status; /* 0: it is taken */
    bool is_chunked;
    int64_t body;
};

/* Reads a head that arrives in pieces. Returns the status of the refusal; 0: it is taken; -1: it has not ended. */
static int read_head(const char *bytes, size_t count, size_t piece, struct http_head *head, size_t *length)
{
    struct http_head_fault fault = {0};
    enum http_head_state state = HTTP_HEAD_MORE;
    for (size_t seen = 0; seen < count && state == HTTP_HEAD_MORE; seen += piece) {
        size_t arrived = seen + piece < count ? seen + piece : count;
        state = http_head_find_end(bytes, arrived, seen, length, &fault);
    }
    if (state == HTTP_HEAD_MORE)
        return -1;
    if (state == HTTP_HEAD_REFUSED || !http_head_check(bytes, *length, head, &fault)) {
        assert_non_null(fault.text);
        return fault.status;
    }
    return 0;
}

static const struct request refused[] = {
    {TEXT(GET "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n"), 400, 0, 0},
    {TEXT(GET "Authorization: Bearer a\r\nauthorization: Bearer a\r\n\r\n"), 400, 0, 0},
    {TEXT(POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"), 400, 0, 0},
    {TEXT(POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"), 400, 0, 0},
    {TEXT(POST "Content-Length: 5\r\nContent-Length: 3\r\n\r\n"), 400, 0, 0},
    {TEXT(POST "Content-Length: 5\r\ncontent-length: 5\r\n\r\n"), 400, 0, 0},
    {TEXT(POST "Content-Length: 5, 5\r\n\r\n"), 400, 0, 0},
    {TEXT(POST "Content-Length: +5\r\n\r\n"), 400, 0, 0},
    {TEXT(POST "Content-Length: 0x5\r\n\r\n"), 400, 0, 0},
    {TEXT(POST "Content-Length: 5 5\r\n\r\n"), 400, 0, 0},
    {TEXT(POST "Content-Length:\r\n\r\n"), 400, 0, 0},
    {TEXT(POST "Content-Length: 1000000000000000000\r\n\r\n"), 400, 0, 0},
    {TEXT(POST "Content-Length : 5\r\n\r\n"), 400, 0, 0},
    {TEXT(POST "Content-Length\t: 5\r\n\r\n"), 400, 0, 0},
    {TEXT(POST "Transfer-Encoding: gzip\r\n\r\n"), 501, 0, 0},
    {TEXT(POST "Transfer-Encoding: gzip, chunked\r\n\r\n"), 501, 0, 0},
    {TEXT(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n"), 400, 0, 0},
    {TEXT(POST "Transfer-Encoding: xchunked\r\n\r\n"), 501, 0, 0},
    {TEXT("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400, 0, 0},
    {TEXT(GET "Host: b\r\n\r\n"), 400, 0, 0},
    {TEXT("GET / HTTP/1.1\r\n\r\n"), 400, 0, 0},
    {TEXT("GET / HTTP/1.1\r\nHost: a,b\r\n\r\n"), 400, 0, 0},
    {TEXT("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"), 400, 0, 0},
    {TEXT("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), 400, 0, 0},
    {TEXT("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"), 400, 0, 0},
    {TEXT("GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n"), 400, 0, 0},
    {TEXT("GET /a\x01"
          "b HTTP/1.1\r\nHost: a\r\n\r\n"),
     400, 0, 0},
    {TEXT("GET /a\x7f"
          "b HTTP/1.1\r\nHost: a\r\n\r\n"),
     400, 0, 0},
    {TEXT("GET /a\xc2\x9b"
          "b HTTP/1.1\r\nHost: a\r\n\r\n"),
     400, 0, 0},
    {TEXT("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"), 400, 0, 0},
    {TEXT("GET  / HTTP/1.1\r\nHost: a\r\n\r\n"), 400, 0, 0},
    {TEXT("GET  HTTP/1.1\r\nHost: a\r\n\r\n"), 400, 0, 0},
    {TEXT("GET /  HTTP/1.1\r\nHost: a\r\n\r\n"), 400, 0, 0},
    {TEXT("GET / HTTP/1.1 \r\nHost: a\r\n\r\n"), 400, 0, 0},
    {TEXT(" GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 400, 0, 0},
    {TEXT("G(T / HTTP/1.1\r\nHost: a\r\n\r\n"), 400, 0, 0},
    {TEXT("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400, 0, 0},
    {TEXT("GET /\r\n\r\n"), 400, 0, 0},
    {TEXT("GET / HTTP/1.1x\r\nHost: a\r\n\r\n"), 400, 0, 0},
    {TEXT("GET / http/1.1\r\nHost: a\r\n\r\n"), 400, 0, 0},
    {TEXT("GET / HTTP/1.2\r\nHost: a\r\n\r\n"), 505, 0, 0},
    {TEXT("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), 505, 0, 0},
    {TEXT("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), 400, 0, 0},
    {TEXT("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), 400, 0, 0},
    {TEXT(GET "X: a\0b\r\n\r\n"), 400, 0, 0},
    {TEXT(GET "X: a\x01"
              "b\r\n\r\n"),
     400, 0, 0},
    {TEXT(GET "X: a\x7f"
              "b\r\n\r\n"),
     400, 0, 0},
    {TEXT(GET "X: a\r\n b\r\n\r\n"), 400, 0, 0},
    {TEXT(GET "X: a\r\n\tb\r\n\r\n"), 400, 0, 0},
    {TEXT("GET / HTTP/1.1\r\n X: a\r\nHost: a\r\n\r\n"), 400, 0, 0},
    {TEXT(GET "X: a\rb\r\n\r\n"), 400, 0, 0},
    {TEXT(GET "X: a\nY: b\r\n\r\n"), 400, 0, 0},
    {TEXT("GET / HTTP/1.1\nHost: a\n\n"), 400, 0, 0},
    {TEXT("GET / HTTP/1.1\r\nHost: a\r\n\n"), 400, 0, 0},
    {TEXT("GET / HTTP/1.1\r\nHost: a\r\n\r\r\n"), 400, 0, 0},
    {TEXT("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), 400, 0, 0},
    {TEXT(GET "XX\r\n\r\n"), 400, 0, 0},
    {TEXT(GET ": x\r\n\r\n"), 400, 0, 0},
    {TEXT(GET "X(: x\r\n\r\n"), 400, 0, 0},
    {TEXT(GET "X y: x\r\n\r\n"), 400, 0, 0},
};

static const struct request taken[] = {
    {TEXT(GET "\r\n"), 0, false, 0},
    {TEXT("GET / HTTP/1.0\r\n\r\n"), 0, false, 0},
    {TEXT("GET / HTTP/1.1\r\nhOST:a\r\n\r\n"), 0, false, 0},
    {TEXT("GET / HTTP/1.1\r\nHost: [::1]:8443\r\n\r\n"), 0, false, 0},
    {TEXT("GET / HTTP/1.1\r\nHost:\r\n\r\n"), 0, false, 0},
    {TEXT("GET http://a/?x=%00 HTTP/1.1\r\nHost: a\r\n\r\n"), 0, false, 0},
    {TEXT(POST "Content-Length:\t 7 \r\n\r\nabc\n\0"), 0, false, 7},
    {TEXT(POST "Content-Length: 999999999999999999\r\n\r\n"), 0, false, INT64_C(999999999999999999)},
    {TEXT(POST "Transfer-Encoding: Chunked\r\n\r\n"), 0, true, 0},
    {TEXT(GET "X:\r\nY: a\tb\r\nZ: \xc3\xa9\xff\r\n\r\n"), 0, false, 0},
};

static void each_head_that_could_be_read_in_two_ways_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        for (size_t piece = 1; piece <= refused[i].length; piece++) {
            struct http_head head;
            size_t length;
            int status = read_head(refused[i].bytes, refused[i].length, piece, &head, &length);
            if (status != refused[i].status)
                fail_msg("%d instead of %d in pieces of %zu: %s", status, refused[i].status, piece, refused[i].bytes);
        }
    }
}

static void a_correct_head_says_how_its_body_is_framed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        for (size_t piece = 1; piece <= taken[i].length; piece++) {
            struct http_head head = {0};
            size_t length = 0;
            int status = read_head(taken[i].bytes, taken[i].length, piece, &head, &length);
            if (status != 0)
                fail_msg("%d in pieces of %zu: %s", status, piece, taken[i].bytes);
            assert_int_equal(head.is_chunked, taken[i].is_chunked);
            assert_true(head.length == taken[i].body);
            assert_memory_equal(taken[i].bytes + length - 4, "\r\n\r\n", 4);
        }
    }
}

static int read_long(const char *begin, size_t middle, const char *end)
{
    struct buffer bytes = {0};
    size_t length;
    buffer_put_text(&bytes, begin);
    for (size_t i = 0; i < middle; i++)
        buffer_put(&bytes, "x", 1);
    buffer_put_text(&bytes, end);
    struct http_head head;
    int status = read_head(bytes.bytes, bytes.length, 1000, &head, &length);
    buffer_free(&bytes);
    return status;
}

static void a_head_is_limited_in_bytes_and_in_fields_before_it_has_ended(void **state)
{
    (void)state;
    const size_t around = strlen(GET "X: \r\n\r\n");
    assert_int_equal(read_long(GET "X: ", HTTP_HEAD_MAX - around, "\r\n\r\n"), 0);
    assert_int_equal(read_long(GET "X: ", HTTP_HEAD_MAX - around + 1, "\r\n\r\n"), 431);
    assert_int_equal(read_long(GET "X: ", HTTP_HEAD_MAX, ""), 431);
    assert_int_equal(read_long("GET /", 8191, " HTTP/1.1\r\nHost: a\r\n\r\n"), 0);
    assert_int_equal(read_long("GET /", 8192, " HTTP/1.1\r\nHost: a\r\n\r\n"), 414);

    struct buffer text = {0};
    struct http_head head;
    size_t length;
    buffer_put_text(&text, GET);
    for (int i = 1; i < HTTP_FIELDS_MAX; i++)
        buffer_put_text(&text, "X: y\r\n");
    struct buffer more = {0};
    buffer_format(&more, "%sX: y\r\n\r\n", buffer_text(&text));
    buffer_put_text(&text, "\r\n");
    assert_int_equal(read_head(text.bytes, text.length, text.length, &head, &length), 0);
    assert_int_equal(read_head(more.bytes, more.length, more.length, &head, &length), 431);
    buffer_free(&text);
    buffer_free(&more);
}

/* ---- the body ---- */

/* Takes a chunked body in pieces. Returns the bytes taken; a body that is refused: -1; that has not ended: -2. */
static int take_chunks(const char *bytes, size_t count, size_t piece)
{
    struct http_body body;
    http_body_begin(&body, &(struct http_head){.is_chunked = true});
    size_t at = 0;
    while (at < count && body.part != HTTP_BODY_ENDED && body.part != HTTP_BODY_REFUSED)
        at += http_body_take(&body, bytes + at, at + piece < count ? piece : count - at);
    return body.part == HTTP_BODY_ENDED ? (int)at : body.part == HTTP_BODY_REFUSED ? -1 : -2;
}

static void only_exact_chunks_are_taken(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int taken;
    } bodies[] = {
        {"0\r\n\r\n", 5},
        {"0\r\n\r\nGET /", 5},
        {"5\r\nabcde\r\n0\r\n\r\n", 15},
        {"A;x=\"y z\"\r\n0123456789\r\n00\r\n\r\n", 29},
        {"5 ;x\r\nabcde\r\n0\r\n\r\n", -1},
        {"1\r\n\n\r\n0\r\nX: y\r\nZ:\r\n\r\n", 21},
        {"5\r\nabcde\r\n", -2},
        {"0\r\n", -2},
        {"0\r\n\r", -2},
        {"-1\r\n\r\n", -1},
        {"\r\n", -1},
        {";x\r\n", -1},
        {"0x5\r\nabcde\r\n0\r\n\r\n", -1},
        {"5 \r\nabcde\r\n0\r\n\r\n", -1},
        {" 5\r\nabcde\r\n0\r\n\r\n", -1},
        {"5\nabcde\r\n0\r\n\r\n", -1},
        {"5\r\nabcde\n0\r\n\r\n", -1},
        {"5\r\nabcde0\r\n\r\n", -1},
        {"5\r\nabcdefg\r\n0\r\n\r\n", -1},
        {"5;a\nxx\r\nabcde\r\n0\r\n\r\n", -1},
        {"5;a\x7f\r\nabcde\r\n0\r\n\r\n", -1},
        {"5\rx", -1},
        {"5x\nabcde\r\n0\r\n\r\n", -1},
        {"5\r\nabcdex\n0\r\n\r\n", -1},
        {"5\r\nabcde\rx0\r\n\r\n", -1},
        {"0\r\nX: y\rz\r\n", -1},
        {"0\r\n\rx", -1},
        {"0000000000000005\r\nabcde\r\n0\r\n\r\n", -1},
        {"7fffffffffffffff\r\n", -1},
        {"0\r\n\n", -1},
        {"0\r\nX : y\r\n\r\n", -1},
        {"0\r\n x\r\n\r\n", -1},
        {"0\r\nX\r\n\r\n", -1},
        {"0\r\nX: \x01\r\n\r\n", -1},
        {"0\r\nX: y\n\r\n", -1},
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        for (size_t piece = 1; piece <= strlen(bodies[i].text); piece++) {
            int found = take_chunks(bodies[i].text, strlen(bodies[i].text), piece);
            if (found != bodies[i].taken)
                fail_msg("%d instead of %d in pieces of %zu: %s", found, bodies[i].taken, piece, bodies[i].text);
        }
    }
}

static void extensions_and_fields_after_the_body_are_limited(void **state)
{
    (void)state;
    static const char field[] = {'0', '\r', '\n', 'X', ':'};
    char text[HTTP_TRAILER_MAX + 100];
    memset(text, 'x', sizeof text);
    text[0] = '5', text[1] = ';';
    assert_int_equal(take_chunks(text, HTTP_CHUNK_LINE_MAX + 1, 1000), -2);
    assert_int_equal(take_chunks(text, HTTP_CHUNK_LINE_MAX + 10, 1000), -1);
    memcpy(text, field, sizeof field);
    assert_int_equal(take_chunks(text, HTTP_TRAILER_MAX, 1000), -2);
    assert_int_equal(take_chunks(text, sizeof text, 1000), -1);
    text[4] = 'x';
    assert_int_equal(take_chunks(text, HTTP_TRAILER_MAX, 1000), -2);
    assert_int_equal(take_chunks(text, sizeof text, 1000), -1);
}

static void a_body_of_a_given_length_ends_after_it(void **state)
{
    (void)state;
    struct http_body body;
    http_body_begin(&body, &(struct http_head){.length = 0});
    assert_int_equal(body.part, HTTP_BODY_ENDED);
    http_body_begin(&body, &(struct http_head){.length = 5});
    assert_int_equal(http_body_take(&body, "ab\n", 3), 3);
    assert_int_equal(body.part, HTTP_BODY_LENGTH);
    assert_int_equal(http_body_take(&body, "\0eGET", 5), 2);
    assert_int_equal(body.part, HTTP_BODY_ENDED);
    assert_int_equal(http_body_take(&body, "GET", 3), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_head_that_could_be_read_in_two_ways_is_refused),
        cmocka_unit_test(a_correct_head_says_how_its_body_is_framed),
        cmocka_unit_test(a_head_is_limited_in_bytes_and_in_fields_before_it_has_ended),
        cmocka_unit_test(only_exact_chunks_are_taken),
        cmocka_unit_test(extensions_and_fields_after_the_body_are_limited),
        cmocka_unit_test(a_body_of_a_given_length_ends_after_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
