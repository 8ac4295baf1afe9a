#include "clients/ctl/page/evidence_page.h"
#include "tests/unit/markup_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define EVIL "</td><script>alert(1)</script>\\\" onload=\\\"x"

static const char evidence_text[] =
    "{\"rollout\":42,\"name\":\"atm-app-4.7.2\",\"digest\":\"9f2c\",\"state\":\"completed\",\"detail\":\"" EVIL "\","
    "\"author\":\"alice\",\"door\":\"http\",\"change\":\"" EVIL "\",\"submitted_at\":\"2026-11-28T10:04:36.120Z\","
    "\"devices\":3,\"version\":9,\"reported_at\":\"2026-12-20T08:00:00Z\",\"rollback\":{\"rollout\":43,\"name\":"
    "\"back\"},\"counts\":{\"completed\":2,\"timed_out\":1},"
    "\"approvals\":{\"required\":1,\"given\":[{\"actor\":\"carol\",\"approved\":true,\"digest\":\"9f2c\","
    "\"reason\":\"" EVIL "\",\"at\":\"2026-11-30T09:12:44Z\",\"group\":null,\"void\":false},"
    "{\"actor\":\"bob\",\"approved\":true,\"digest\":\"0000\",\"reason\":\"fine\",\"at\":\"2026-11-29T09:00:00Z\","
    "\"group\":\"pilot\",\"void\":true,\"void_because\":\"of another plan\"}],"
    "\"reviews\":[{\"review\":3,\"of\":\"start\",\"actor\":\"bea\",\"reason\":\"" EVIL "\",\"state\":\"pending\","
    "\"at\":\"2026-11-30T10:00:00Z\",\"decisions\":[{\"actor\":\"bob\",\"accepted\":false,\"reason\":\"" EVIL "\","
    "\"at\":\"2026-11-30T11:00:00Z\"}]}]},"
    "\"events\":[{\"at\":\"2026-12-01T00:00:00Z\",\"kind\":\"group_opened\",\"actor\":\"tellercast\","
    "\"reason\":\"" EVIL "\",\"group\":\"pilot\"}],"
    "\"groups\":[{\"group\":1,\"name\":\"pilot\",\"state\":\"passed\",\"devices\":3,\"counts\":{\"completed\":2}}],"
    "\"nights\":[{\"night\":\"2026-12-01\",\"group\":\"pilot\",\"planned\":3,\"started\":2,\"completed\":2}],"
    "\"unavailable\":{\"devices\":101,\"examples\":[{\"device\":\"A3\"},{\"device\":\"" EVIL "\"}]},"
    "\"awaiting_return\":{\"branches\":1,\"devices\":11,\"examples\":[{\"branch\":\"B7\"}]},"
    "\"deviations\":{\"outside_window\":{\"devices\":0,\"examples\":[]},"
    "\"retried\":{\"devices\":200,\"codes\":{\"oops\":1200},\"examples\":[\"A1\",\"" EVIL "\"]}},"
    "\"drift\":{\"added\":{\"devices\":1,\"examples\":[\"A9\"]},\"gone\":{\"devices\":0,\"examples\":[]}},"
    "\"plan\":{\"metadata\":{\"description\":\"" EVIL "\"},\"spec\":{\"action\":\"install\","
    "\"artifact\":{\"name\":\"atm-app\",\"version\":\"4.7.2\"},\"groups\":[{\"name\":\"pilot\",\"success\":98}]}}}";
static const char instruction_text[] =
    "{\"instruction\":77,\"device\":\"A7\",\"branch\":\"B0042\",\"group\":\"pilot\",\"state\":\"timed_out\","
    "\"attempt\":2,\"planned_at\":\"2026-12-01T00:00:00Z\",\"sent_at\":\"2026-12-01T00:00:02.5Z\",\"ended_at\":null,"
    "\"code\":\"install_timeout\",\"detail\":\"" EVIL "\",\"events\":[{\"at\":\"2026-12-01T00:10:00Z\",\"attempt\":1,"
    "\"state\":\"failed\",\"code\":\"installer_failed\",\"detail\":\"exit 3\"}]}";

static json_t *load(const char *text)
{
    json_t *document = json_loads(text, 0, NULL);
    assert_non_null(document);
    return document;
}

static void put_page(const char *evidence_source, const char *instruction_source, struct buffer *out)
{
    json_t *evidence = load(evidence_source);
    json_t *instruction = load(instruction_source);
    evidence_page_begin(evidence, out);
    evidence_page_add_device(instruction, out);
    evidence_page_end(out);
    json_decref(evidence);
    json_decref(instruction);
}

static void the_page_has_all_the_evidence(void **state)
{
    (void)state;
    static const char *const parts[] = {
        "<dt>Ordered by</dt><dd>alice, through http",
        "<dd class=\"m\">9f2c</dd>",
        "2026-11-28 10:04:36",
        "carol",
        "void: of another plan",
        "group opened",
        "outside window",
        ", …",
        "<b>A7</b>",
        "attempt 1: failed: installer_failed: exit 3",
        "timed out: install_timeout: ",
        "install atm-app 4.7.2",
        "<small>2026-12-01</small>00:00:02",
        "<svg ",
        "≥ 98 %",
        "rollout 43 back",
        "oops 1,200",
        "Read at 2026-12-20 08:00:00 at version 9",
    };
    struct buffer out = {0};
    put_page(evidence_text, instruction_text, &out);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (strstr(buffer_text(&out), parts[i]) == NULL)
            fail_msg("not in the page: %s", parts[i]);
    }
    buffer_free(&out);
}

static void text_of_operators_is_shown_as_text(void **state)
{
    (void)state;
    struct buffer out = {0};
    put_page(evidence_text, instruction_text, &out);
    assert_true(markup_is_well_formed(buffer_text(&out)));
    assert_null(strstr(buffer_text(&out), "<script"));
    assert_non_null(strstr(buffer_text(&out), "&lt;/td&gt;&lt;script&gt;alert(1)&lt;/script&gt;&quot; onload=&quot;x"));
    buffer_free(&out);
}

static void the_page_fetches_nothing(void **state)
{
    (void)state;
    struct buffer out = {0};
    put_page(evidence_text, instruction_text, &out);
    static const char *const fetching[] = {"src=", "href=", "@import", "url(http", "<link"};
    for (size_t i = 0; i < sizeof fetching / sizeof *fetching; i++)
        assert_null(strstr(buffer_text(&out), fetching[i]));
    assert_non_null(strstr(buffer_text(&out), "default-src 'none'"));
    buffer_free(&out);
}

static void a_report_with_nothing_in_it_is_a_page_too(void **state)
{
    (void)state;
    struct buffer out = {0};
    put_page("{}", "{}", &out);
    put_page("{\"nights\":7,\"groups\":{},\"deviations\":[],\"approvals\":\"\",\"events\":null,\"plan\":[]}", "[]",
             &out);
    assert_true(markup_is_well_formed(buffer_text(&out)));
    buffer_free(&out);
}

/* A name goes into a CSS string, too, where other rules of escaping hold. */
static void a_name_cannot_leave_its_css_string(void **state)
{
    (void)state;
    struct buffer out = {0};
    put_page("{\"name\":\"a\\\" } </style><b>\\\\\"}", "{}", &out);
    assert_true(markup_is_well_formed(buffer_text(&out)));
    assert_null(strstr(buffer_text(&out), "content: \"a\""));
    buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_has_all_the_evidence),
        cmocka_unit_test(text_of_operators_is_shown_as_text),
        cmocka_unit_test(the_page_fetches_nothing),
        cmocka_unit_test(a_report_with_nothing_in_it_is_a_page_too),
        cmocka_unit_test(a_name_cannot_leave_its_css_string),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
