/* Webhooks: how far they have got, and a test of one. */
#include "base/clock.h"
#include "clients/ctl/commands/run.h"
#include "clients/ctl/commands/session.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The conductor looks for a test twice a second, and waits ten seconds for the receiver. */
enum { TEST_WAIT_MS = 30000, LOOK_AGAIN_MS = 250 };

static enum tone tone_of(const char *state)
{
    return strcmp(state, "failing") == 0 ? TONE_BAD : strcmp(state, "delivering") == 0 ? TONE_GOOD : TONE_PLAIN;
}

static void add_webhook(struct table *table, const json_t *webhook)
{
    char waiting[24];
    int64_t count = document_number(webhook, "waiting");
    (void)snprintf(waiting, sizeof waiting,
                   json_is_true(json_object_get(webhook, "more_wait")) ? "> %" PRId64 : "%" PRId64, count);
    table_add(table, TONE_STRONG, document_text(webhook, "name"));
    table_add(table, tone_of(document_text(webhook, "state")), document_text(webhook, "state"));
    table_add(table, TONE_PLAIN, document_text(webhook, "position"));
    table_add(table, TONE_PLAIN, waiting);
    table_add_time(table, document_text(webhook, "delivered_at"));
    table_add_time(table, document_text(webhook, "failing_since"));
    table_add_id(table, TONE_PLAIN, document_number(webhook, "given_up"));
    table_add(table, TONE_PLAIN, document_text(webhook, "error"));
    table_add(table, TONE_PLAIN, document_text(webhook, "host"));
}

static void put_table(const struct session *session, const json_t *webhooks)
{
    static const struct table_column columns[] = {
        {"WEBHOOK", false, 12, 0}, {"STATE", false, 10, 0},    {"POSITION", true, 0, 2},
        {"WAITING", true, 0, 0},   {"DELIVERED", false, 0, 1}, {"FAILING SINCE", false, 0, 0},
        {"GIVEN UP", true, 0, 1},  {"ERROR", false, 0, 0},     {"HOST", false, 0, 3},
    };
    struct table table = table_start(columns, sizeof columns / sizeof *columns);
    struct buffer out = {0};
    size_t i;
    const json_t *webhook;
    json_array_foreach(webhooks, i, webhook)
    {
        add_webhook(&table, webhook);
    }
    table_put(&table, &session->out, true, &out);
    session_put(&out);
    table_free(&table);
    buffer_free(&out);
}

int run_webhook_list(struct session *session)
{
    int code;
    json_t *document = session_get(session, "/v1/webhooks", "the webhooks", &code);
    if (document == NULL)
        return code;
    const json_t *webhooks = json_object_get(document, "webhooks");
    if (session->json)
        session_put_json(session, webhooks);
    else if (json_array_size(webhooks) == 0)
        session_say(session, "no webhooks: the setting webhooks of tellercastd has them");
    else
        put_table(session, webhooks);
    json_decref(document);
    return EXIT_HEALTHY;
}

/* A new reference to the webhook of this name; NULL with `*code`, EXIT_HEALTHY when there is none. */
static json_t *find(struct session *session, const char *name, int *code)
{
    json_t *document = session_get(session, "/v1/webhooks", "the webhooks", code), *found = NULL;
    if (document == NULL)
        return NULL;
    *code = EXIT_HEALTHY;
    size_t i;
    json_t *webhook;
    json_array_foreach(json_object_get(document, "webhooks"), i, webhook)
    {
        if (strcmp(document_text(webhook, "name"), name) == 0)
            found = json_incref(webhook);
    }
    json_decref(document);
    return found;
}

static int report_test(const struct session *session, const char *name, const json_t *webhook)
{
    const char *error = document_text(webhook, "test_error");
    if (session->json)
        session_put_json(session, webhook);
    if (error[0] != '\0')
        return session_fail(session, EXIT_ERROR, "webhook %s: %s", name, error);
    if (!session->json)
        session_say(session, "webhook %s took the test", name);
    return EXIT_HEALTHY;
}

/* Waits until the test that was ordered at `ordered_at` was made. Times of equal form compare as texts. */
static int await(struct session *session, const char *name, const char *ordered_at)
{
    int64_t end_ms = clock_monotonic_ms() + TEST_WAIT_MS;
    int code = EXIT_HEALTHY;
    while (clock_monotonic_ms() < end_ms) {
        json_t *webhook = find(session, name, &code);
        if (webhook == NULL && code != EXIT_HEALTHY)
            return code;
        if (webhook != NULL && strcmp(document_text(webhook, "tested_at"), ordered_at) >= 0) {
            code = report_test(session, name, webhook);
            json_decref(webhook);
            return code;
        }
        json_decref(webhook);
        clock_sleep_ms(LOOK_AGAIN_MS);
    }
    return session_fail(session, EXIT_TIMED_OUT,
                        "webhook %s: no conductor posted the test in %d s: tellercast webhook list", name,
                        TEST_WAIT_MS / 1000);
}

int run_webhook_test(struct session *session)
{
    const char *name = session_argument(session, 0);
    struct buffer path = {0};
    int code;
    buffer_put_text(&path, "/v1/webhooks/");
    http_put_escaped(&path, name);
    buffer_put_text(&path, "/test");
    json_t *answer = session_post(session, buffer_text(&path), NULL, "webhook", &code);
    buffer_free(&path);
    if (answer == NULL)
        return code;
    code = await(session, name, document_text(answer, "test_ordered_at"));
    json_decref(answer);
    return code;
}
