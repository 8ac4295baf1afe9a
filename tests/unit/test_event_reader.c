/* Reading a stream of server-sent events. */
#include "clients/ctl/endpoints/event_reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static bool note(void *context, const char *kind, const char *data, const char *position)
{
    buffer_format(context, "[%s|%s|%s]", kind, data, position);
    return strcmp(kind, "last") != 0;
}

static const char stream[] =
    "id: 1-1\n\n: heartbeat\n\nid: 1-2\nevent: rollout\ndata: {\"a\":\ndata: 1}\n\n"
    "event: progress\r\ndata:{}\r\n\r\nid: 1-3\nevent: last\ndata: x\n\nevent: more\ndata: y\n\n";
static const char wanted[] = "[rollout|{\"a\":\n1}|1-2][progress|{}|1-2][last|x|1-3]";

static void a_stream_is_read_the_same_however_it_is_cut(void **state)
{
    (void)state;
    for (size_t piece = 1; piece < sizeof stream; piece++) {
        struct event_reader reader = {0};
        struct buffer seen = {0};
        bool goes_on = true;
        for (size_t at = 0; at < strlen(stream) && goes_on; at += piece) {
            size_t left = strlen(stream) - at;
            goes_on = event_reader_put(&reader, stream + at, left < piece ? left : piece, note, &seen);
        }
        assert_false(goes_on);
        assert_false(reader.is_broken);
        assert_string_equal(buffer_text(&seen), wanted);
        event_reader_free(&reader);
        buffer_free(&seen);
    }
}

static void an_event_that_is_not_whole_is_forgotten_and_the_position_stays(void **state)
{
    (void)state;
    struct event_reader reader = {0};
    struct buffer seen = {0};
    static const char first[] = "id: 1-7\n\nevent: rollout\ndata: half", second[] = "event: group\ndata: whole\n\n";
    assert_true(event_reader_put(&reader, first, strlen(first), note, &seen));
    event_reader_begin(&reader);
    assert_true(event_reader_put(&reader, second, strlen(second), note, &seen));
    assert_string_equal(buffer_text(&seen), "[group|whole|1-7]");
    event_reader_free(&reader);
    buffer_free(&seen);
}

static void an_endless_line_ends_the_reading(void **state)
{
    (void)state;
    struct event_reader reader = {0};
    struct buffer seen = {0};
    bool goes_on = true;
    for (int i = 0; i < EVENT_LINE_MAX && goes_on; i++)
        goes_on = event_reader_put(&reader, "data: xxxx", 10, note, &seen);
    assert_false(goes_on);
    assert_true(reader.is_broken);
    assert_true(reader.line.length <= EVENT_LINE_MAX);
    event_reader_free(&reader);
    buffer_free(&seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_is_read_the_same_however_it_is_cut),
        cmocka_unit_test(an_event_that_is_not_whole_is_forgotten_and_the_position_stays),
        cmocka_unit_test(an_endless_line_ends_the_reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
