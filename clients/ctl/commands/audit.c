/* The record of acts. */
#include "clients/ctl/commands/audit.h"

#include "base/clock.h"
#include "clients/ctl/commands/amendment_words.h"
#include "clients/ctl/commands/query.h"
#include "clients/ctl/commands/run.h"
#include "clients/ctl/commands/scope_words.h"
#include "clients/ctl/commands/session.h"
#include "config/scalar.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Reads a time: so long ago, a date, or RFC 3339. Appends it as a parameter. False after the fault was shown. */
static bool put_time(const struct session *session, const char *option, const char *parameter, struct buffer *path,
                     int *code)
{
    const char *text = session_option(session, option);
    int64_t time_ms = 0;
    if (text == NULL)
        return true;
    if (scalar_read_duration(text, &time_ms)) {
        time_ms = clock_now_ms() - time_ms;
    } else if (!scalar_read_date(text, &time_ms) && !clock_parse(text, strlen(text), &time_ms)) {
        *code = session_fail_usage(
            session,
            "--%s: found \"%.40s\", allowed: a duration such as 24h, a date or a time such as 2026-12-01T08:00:00Z",
            option, text);
        return false;
    }
    query_put_name(path, parameter);
    buffer_format(path, "%" PRId64, time_ms < 0 ? 0 : time_ms);
    return true;
}

/* A kind of object has a name of its own; any other word is a verb. */
static bool is_object(const char *what)
{
    static const char *const kinds[] = {"rollout", "device", "artifact",     "key",          "person", "token",
                                        "session", "fleet",  "installation", "orchestrator", "freeze"};
    if (strchr(what, '/') != NULL)
        return true;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i], what) == 0)
            return true;
    }
    return false;
}

bool audit_filter_put(const struct session *session, struct buffer *path, int *code)
{
    const char *who = session_option(session, "who"), *what = session_option(session, "what");
    buffer_put_text(path, "/v1/audit");
    if (who != NULL) {
        query_put_name(path, "person");
        http_put_escaped(path, who);
    }
    if (what != NULL) {
        query_put_name(path, is_object(what) ? "object" : "verb");
        http_put_escaped(path, what);
    }
    return put_time(session, "since", "since_ms", path, code) && put_time(session, "until", "until_ms", path, code);
}

/* Appends "region=emea" of {"region":["emea"]}, "60 a minute" of an amendment of `kind`, and any other text as it is.
 */
static void put_detail(const char *name, const char *value, const char *kind, struct buffer *text)
{
    bool is_match = strcmp(name, "match") == 0, is_change = strcmp(name, "after") == 0;
    json_t *document = is_match || is_change ? json_loads(value, JSON_DECODE_ANY, NULL) : NULL;
    if (document == NULL)
        buffer_format(text, "%s %s", name, value);
    else if (is_match)
        scope_put_labels(document, text);
    else
        amendment_put_value(kind, document, text);
    json_decref(document);
}

/* "rate, 60 a minute": what of the object an act was about. */
static void put_details(const json_t *details, struct buffer *text)
{
    const char *name, *kind = document_text(details, "kind");
    const json_t *value;
    json_object_foreach((json_t *)details, name, value)
    {
        if (text->length > 0)
            buffer_put_text(text, ", ");
        if (strcmp(name, "kind") == 0)
            buffer_put_text(text, kind);
        else
            put_detail(name, document_text(details, name), kind, text);
    }
}

static void add_act(struct table *table, const json_t *act)
{
    struct buffer object = {0}, details = {0};
    const char *outcome = document_text(act, "outcome"), *person = document_text(act, "person");
    bool is_done = strcmp(outcome, "done") == 0;
    buffer_format(&object, "%s%s%s", document_text(act, "object_kind"),
                  *document_text(act, "object") == '\0' ? "" : " ", document_text(act, "object"));
    table_add_time(table, document_text(act, "at"));
    table_add(table, TONE_STRONG, *person == '\0' ? NULL : person);
    table_add(table, TONE_PLAIN, document_text(act, "verb"));
    put_details(json_object_get(act, "details"), &details);
    table_add(table, TONE_PLAIN, buffer_text(&object));
    table_add(table, TONE_PLAIN, buffer_text(&details));
    table_add(table, is_done ? TONE_GOOD : TONE_BAD, outcome);
    table_add_count(table, TONE_PLAIN, document_number(act, "times"));
    table_add(table, TONE_PLAIN, document_text(act, "endpoint"));
    table_add(table, TONE_PLAIN, document_text(act, "address"));
    table_add(table, TONE_PLAIN, document_text(act, is_done ? "reason" : "refusal"));
    buffer_free(&details);
    buffer_free(&object);
}

static int list(struct session *session, const char *path, int64_t limit)
{
    static const struct table_column columns[] = {
        {"TIME", false, 0, 0},     {"WHO", false, 10, 0},    {"ACT", false, 10, 0}, {"ON", false, 12, 0},
        {"DETAILS", false, 12, 2}, {"OUTCOME", false, 7, 0}, {"TIMES", true, 0, 3}, {"ENDPOINT", false, 0, 2},
        {"FROM", false, 0, 4},     {"REASON", false, 0, 1},
    };
    const struct listing listing = {path,    "acts", columns, sizeof columns / sizeof *columns,
                                    add_act, false,  limit,   "no acts"};
    return session_list(session, &listing);
}

int run_audit(struct session *session)
{
    struct buffer path = {0};
    int64_t limit;
    int code = EXIT_HEALTHY;
    const char *format = session_option(session, "format");
    bool is_table = strcmp(format, "table") == 0;
    if (!is_table && strcmp(format, "json-lines") != 0 && strcmp(format, "csv") != 0)
        return session_fail_usage(session, "--format: found \"%.32s\", allowed: table, json-lines, csv", format);
    if (!session_limit(session, &limit, &code))
        return code;
    if (audit_filter_put(session, &path, &code))
        code = is_table ? list(session, buffer_text(&path), limit)
                        : session_pass(session, buffer_text(&path), format, "acts", limit);
    buffer_free(&path);
    return code;
}
