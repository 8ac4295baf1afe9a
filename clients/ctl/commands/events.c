/* Events, as they come. */
#include "base/clock.h"
#include "clients/ctl/commands/rollout.h"
#include "clients/ctl/commands/run.h"
#include "clients/ctl/endpoints/event_reader.h"
#include "clients/ctl/screen/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_PAUSE_MS = 500, LONGEST_PAUSE_MS = 10000 };

struct following {
    struct session *session;
    struct event_reader reader;
    const char *query; /* "&rollout=7" */
    bool follows;
    bool is_told; /* that the server does not answer */
    int64_t pause_ms;
};

/* ---- showing ---- */

static void put_part(const struct screen *screen, const char *before, const char *text, const char *after,
                     struct buffer *out)
{
    if (*text == '\0')
        return;
    buffer_put_text(out, before);
    (void)text_put_clean(out, text, 0, screen->utf8);
    buffer_put_text(out, after);
}

static void put_number(const char *before, const json_t *event, const char *key, struct buffer *out)
{
    if (json_is_integer(json_object_get(event, key)))
        buffer_format(out, "%s%" PRId64, before, document_number(event, key));
}

static void put_name(const struct screen *screen, const char *name, struct buffer *out)
{
    struct buffer words = {0};
    text_put_name(&words, name);
    put_part(screen, " ", buffer_text(&words), "", out);
    buffer_free(&words);
}

/* "rollout paused", "group opened": a name may begin with its kind. */
static void put_kind_and_name(const struct screen *screen, const char *kind, const char *name, struct buffer *out)
{
    size_t length = strlen(kind);
    if (strncmp(name, kind, length) != 0 || name[length] != '_')
        put_name(screen, kind, out);
    put_name(screen, name, out);
}

/* "2026-12-01 00:00:03Z rollout paused, rollout 42 atm-app, by ann: lunch" */
static void put_line(const struct screen *screen, const char *kind, const json_t *event, struct buffer *out)
{
    const char *reason = document_text(event, "reason");
    text_put_time(out, document_text(event, "at"));
    put_kind_and_name(screen, kind, document_text(event, "event"), out);
    put_name(screen, document_text(event, "what"), out);
    put_name(screen, document_text(event, "alarm"), out);
    put_number(", rollout ", event, "rollout", out);
    put_part(screen, " ", document_text(event, "name"), "", out);
    put_part(screen, ", group ", document_text(event, "group"), "", out);
    put_number(", amendment ", event, "amendment", out);
    put_number(", freeze ", event, "freeze", out);
    put_number(", review ", event, "review", out);
    put_part(screen, ", ", document_text(event, "artifact"), "", out);
    put_part(screen, " ", document_text(event, "version"), "", out);
    put_part(screen, ", ", document_text(event, "role"), "", out);
    put_part(screen, " of ", document_text(event, "person"), "", out);
    put_part(screen, ", by ", document_text(event, "actor"), "", out);
    put_part(screen, ": ", *reason == '\0' ? document_text(event, "detail") : reason, "", out);
    buffer_put_text(out, "\n");
}

static void put_json(json_t *event, const char *kind, const char *position, struct buffer *out)
{
    (void)json_object_set_new(event, "kind", json_string(kind));
    (void)json_object_set_new(event, "position", json_string(position));
    char *text = json_dumps(event, JSON_COMPACT);
    buffer_format(out, "%s\n", text == NULL ? "{}" : text);
    free(text);
}

static bool show(void *context, const char *kind, const char *data, const char *position)
{
    struct following *following = context;
    const struct session *session = following->session;
    json_t *event = json_loads(data, JSON_REJECT_DUPLICATES, NULL);
    struct buffer line = {0};
    following->pause_ms = FIRST_PAUSE_MS;
    if (event == NULL)
        return true;
    if (strcmp(kind, "reset") == 0 && !session->json)
        session_say(session, "Events before this are missing (%s).", document_text(event, "reason"));
    else if (session->json)
        put_json(event, kind, position, &line);
    else
        put_line(&session->out, kind, event, &line);
    session_put(&line);
    (void)fflush(stdout);
    buffer_free(&line);
    json_decref(event);
    return true;
}

/* ---- following ---- */

static bool take(void *context, const char *bytes, size_t length)
{
    struct following *following = context;
    if (following->is_told)
        session_say(following->session, "the server answers again");
    following->is_told = false;
    return event_reader_put(&following->reader, bytes, length, show, following);
}

/* Reads the stream once. */
static enum tc_error read_once(struct following *following, struct http *http, struct http_answer *answer,
                               struct tc_fault *fault)
{
    struct buffer path = {0};
    const char *position = buffer_text(&following->reader.position);
    buffer_format(&path, "/v1/events?follow=%s%s", following->follows ? "true" : "false", following->query);
    if (*position != '\0') {
        buffer_put_text(&path, "&after=");
        http_put_escaped(&path, position);
    }
    event_reader_begin(&following->reader);
    const struct http_request request = {
        .method = "GET", .path = buffer_text(&path), .take = take, .context = following};
    enum tc_error error = http_send(http, &request, answer, fault);
    buffer_free(&path);
    return error;
}

/* Says once that it goes on later, and waits. */
static void wait_for_server(struct following *following, const char *why)
{
    if (!following->is_told)
        session_say(following->session, "%s; retrying", why);
    following->is_told = true;
    clock_sleep_ms(following->pause_ms);
    following->pause_ms = following->pause_ms * 2 > LONGEST_PAUSE_MS ? LONGEST_PAUSE_MS : following->pause_ms * 2;
}

static int follow(struct following *following)
{
    int code = EXIT_HEALTHY;
    struct tc_fault fault;
    struct http *http = session_http(following->session, &code);
    if (http == NULL)
        return code;
    for (;;) {
        struct http_answer answer;
        enum tc_error error = read_once(following, http, &answer, &fault);
        if (following->reader.is_broken)
            return session_fail(following->session, EXIT_ERROR, "the server sent an event that is too long");
        bool is_good = error == TC_OK && answer.status == 200;
        bool comes_back = error == TC_UNAVAILABLE || error == TC_TIMEOUT || is_good || answer.status == 503;
        if (!following->follows || !comes_back) {
            code = error != TC_OK ? session_fail_fault(following->session, &fault)
                   : is_good      ? EXIT_HEALTHY
                             : session_report_problem(following->session, "events", answer.status, answer.document);
            http_answer_free(&answer);
            return code;
        }
        http_answer_free(&answer);
        wait_for_server(following, error != TC_OK ? fault.text : "the server ended the stream");
    }
}

/* Without --kind all kinds of the log. */
static bool put_kinds(const struct session *session, struct buffer *query, int *code)
{
    static const char *const kinds[] = {"rollout", "group", "freeze", "approval", "alarm", "amendment"};
    const char *wanted = session_option(session, "kind");
    size_t before = query->length;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (wanted == NULL || strcmp(wanted, kinds[i]) == 0)
            buffer_format(query, "&kind=%s", kinds[i]);
    }
    if (query->length > before)
        return true;
    *code = session_fail_usage(
        session, "--kind: found \"%.40s\", allowed: rollout, group, freeze, approval, alarm or amendment", wanted);
    return false;
}

static bool put_rollout(struct session *session, struct buffer *query, int *code)
{
    int64_t id;
    const char *rollout = session_option(session, "rollout");
    if (rollout == NULL)
        return true;
    if (!rollout_find(session, rollout, &id, code))
        return false;
    buffer_format(query, "&rollout=%" PRId64, id);
    return true;
}

int run_events(struct session *session)
{
    int code = EXIT_HEALTHY;
    struct buffer query = {0};
    struct following following = {
        .session = session, .follows = session_has(session, "follow"), .pause_ms = FIRST_PAUSE_MS};
    const char *since = session_option(session, "since");
    if (since != NULL || !following.follows)
        buffer_put_text(&following.reader.position, since == NULL ? "oldest" : since);
    if (put_kinds(session, &query, &code) && put_rollout(session, &query, &code)) {
        following.query = buffer_text(&query);
        code = follow(&following);
    }
    event_reader_free(&following.reader);
    buffer_free(&query);
    return code;
}
