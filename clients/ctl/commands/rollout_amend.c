/* Amendments of a rollout: preview, order, withdrawal and list. */
#include "clients/ctl/commands/rollout_amend.h"

#include "clients/ctl/commands/amendment_decide.h"
#include "clients/ctl/commands/amendment_send.h"
#include "clients/ctl/commands/amendment_words.h"
#include "clients/ctl/commands/rollout.h"
#include "clients/ctl/commands/rollout_operate.h"
#include "clients/ctl/commands/run.h"
#include "clients/ctl/screen/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- the order ---- */

static const char *const change_options[] = {"per-minute", "max-unavailable", "end-at"};
enum { PER_MINUTE, MAX_UNAVAILABLE, END_AT, CHANGES };

/* The change of the options; NULL after the fault was shown. */
static json_t *read_change(const struct session *session, int *code)
{
    int given = 0, change = CHANGES;
    for (int i = 0; i < CHANGES; i++) {
        if (session_option(session, change_options[i]) != NULL) {
            given++;
            change = i;
        }
    }
    if (given != 1) {
        *code = session_fail_usage(session, "give one of --per-minute, --max-unavailable and --end-at: each is an "
                                            "amendment of its own; or --withdraw");
        return NULL;
    }
    const char *text = session_option(session, change_options[change]);
    char end[TC_TIME_TEXT_SIZE];
    int64_t number;
    if (change == END_AT)
        return session_time_option(session, "end-at", end, code) ? json_pack("{s:s}", "endAt", end) : NULL;
    if (change == MAX_UNAVAILABLE && amendment_read_number(text, &number))
        return json_pack("{s:I}", "maxUnavailable", (json_int_t)number);
    if (change == MAX_UNAVAILABLE && text[strcspn(text, "%")] == '%') /* the daemon reads it as a plan's */
        return json_pack("{s:s}", "maxUnavailable", text);
    if (change == PER_MINUTE && amendment_read_number(text, &number))
        return json_pack("{s:{s:I}}", "rate", "perMinute", (json_int_t)number);
    *code = session_fail_usage(session, "--%s: found \"%.40s\", allowed: %s", change_options[change], text,
                               change == PER_MINUTE ? "a number" : "a number, or a percentage such as 10%");
    return NULL;
}

/* ---- the preview ---- */

static void say_forecast(const struct session *session, const char *when, const json_t *forecast)
{
    struct buffer text = {0};
    int64_t left = document_number(forecast, "not_started");
    buffer_format(&text, "%s: ends at best ", when);
    text_put_time(&text, document_text(forecast, "best_end_at"));
    buffer_put_text(&text, ", at worst ");
    text_put_time(&text, document_text(forecast, "worst_end_at"));
    if (left > 0) {
        buffer_put_text(&text, "; no window has room for ");
        document_put_counted(&text, left, "device", "devices");
    }
    session_say(session, "%s", buffer_text(&text));
    buffer_free(&text);
}

static void say_preview(const struct session *session, const json_t *preview)
{
    struct buffer text = {0};
    const json_t *forecast = json_object_get(preview, "forecast");
    int64_t required = document_number(preview, "required");
    amendment_put_change(document_text(preview, "kind"), preview, &text);
    buffer_put_text(&text, json_is_true(json_object_get(preview, "is_loosening")) ? ": it loosens" : ": it tightens");
    if (required > 0)
        buffer_format(&text, ", and waits for %" PRId64 " approval%s", required, required == 1 ? "" : "s");
    buffer_put_text(&text, "; ");
    document_put_counted(&text, document_number(preview, "waiting"), "device waits", "devices wait");
    buffer_format(&text, ", %" PRId64 " at work, %" PRId64 " ended", document_number(preview, "at_work"),
                  document_number(preview, "ended"));
    session_say(session, "%s", buffer_text(&text));
    if (json_is_object(forecast)) {
        say_forecast(session, "before", json_object_get(forecast, "before"));
        say_forecast(session, "after", json_object_get(forecast, "after"));
    }
    buffer_free(&text);
}

/* ---- amending ---- */

/* EXIT_PAUSED, with a message, when it waits for approvals. */
static int exit_code_of(const struct session *session, const json_t *answer)
{
    const json_t *amendment = json_object_get(answer, "amendment");
    if (strcmp(document_text(amendment, "state"), "awaiting_approval") != 0)
        return EXIT_HEALTHY;
    session_say(session,
                "Other people must approve it: tellercast rollout approve %" PRId64 " --amendment %" PRId64
                " --reason REASON",
                document_number(answer, "rollout"), document_number(amendment, "amendment"));
    return EXIT_PAUSED;
}

int rollout_amend_send(struct session *session, int64_t rollout, json_t *order, bool is_dry_run)
{
    int code = EXIT_HEALTHY;
    json_t *preview = amendment_post(session, rollout, ":preview", json_incref(order), &code), *answer = NULL;
    bool goes_on = preview != NULL && !is_dry_run;
    if (preview != NULL && is_dry_run && session->json)
        session_put_json(session, preview);
    else if (preview != NULL)
        say_preview(session, preview);
    if (goes_on && !session_confirm(session, "Amend the rollout?"))
        code = session_fail(session, EXIT_ERROR, "nothing was amended");
    else if (goes_on)
        answer = amendment_post(session, rollout, "", json_incref(order), &code);
    if (answer != NULL) {
        amendment_show_done(session, answer, "ordered");
        code = exit_code_of(session, answer);
    }
    json_decref(answer);
    json_decref(preview);
    json_decref(order);
    return code;
}

/* A withdrawal is bound to the digest of the amendment: it has nothing to preview, and needs no version. */
static int withdraw(struct session *session)
{
    static const char *const others[] = {"per-minute", "max-unavailable", "end-at", "version"};
    int code;
    int64_t id;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (session_has(session, others[i]))
            return session_fail_usage(session, "--withdraw and --%s: give one of them", others[i]);
    }
    const char *reason = session_reason(session, &code);
    if (reason == NULL || !rollout_find(session, session_argument(session, 0), &id, &code))
        return code;
    return amendment_withdraw(session, id, reason);
}

int run_rollout_amend(struct session *session)
{
    int code;
    int64_t id, version;
    const char *reason;
    if (session_option(session, "withdraw") != NULL)
        return withdraw(session);
    if (!rollout_read_operation(session, &id, &version, &reason, &code))
        return code;
    json_t *order = read_change(session, &code);
    if (order == NULL)
        return code;
    TC_CHECK(json_object_set_new(order, "version", json_integer(version)) == 0);
    if (json_object_set_new(order, "reason", json_string(reason)) == 0)
        return rollout_amend_send(session, id, order, session_has(session, "dry-run"));
    json_decref(order);
    return session_fail_usage(session, "--reason: must be UTF-8");
}

/* ---- showing ---- */

static void add_amendment(struct table *table, const json_t *amendment)
{
    struct buffer text = {0};
    const char *kind = document_text(amendment, "kind"), *state = document_text(amendment, "state");
    bool waits = strcmp(state, "awaiting_approval") == 0;
    table_add_id(table, TONE_STRONG, document_number(amendment, "amendment"));
    buffer_put_text(&text, kind);
    if (*document_text(amendment, "subject") != '\0')
        buffer_format(&text, " of %s", document_text(amendment, "subject"));
    table_add(table, TONE_PLAIN, buffer_text(&text));
    for (int i = 0; i < 2; i++) {
        buffer_clear(&text);
        amendment_put_value(kind, json_object_get(amendment, i == 0 ? "before" : "after"), &text);
        table_add(table, TONE_PLAIN, buffer_text(&text));
    }
    table_add(table, waits ? TONE_WARN : TONE_PLAIN, state);
    buffer_clear(&text);
    buffer_format(&text, "%zu of %" PRId64, json_array_size(json_object_get(amendment, "decisions")),
                  document_number(amendment, "required"));
    table_add(table, TONE_PLAIN, document_number(amendment, "required") == 0 ? "" : buffer_text(&text));
    table_add_time(table, document_text(amendment, "at"));
    table_add(table, TONE_PLAIN, document_text(amendment, "author"));
    table_add(table, TONE_PLAIN, document_text(amendment, "reason"));
    buffer_free(&text);
}

int run_rollout_amendments(struct session *session)
{
    static const struct table_column columns[] = {
        {"NO", true, 0, 0},  {"KIND", false, 6, 0},  {"FROM", false, 0, 0},
        {"TO", false, 0, 0}, {"STATE", false, 8, 0}, {"GIVEN", false, 0, 3},
        {"AT", false, 0, 2}, {"BY", false, 4, 0},    {"REASON", false, 0, 1},
    };
    int code;
    int64_t id, limit;
    char path[64];
    if (!session_limit(session, &limit, &code) || !rollout_find(session, session_argument(session, 0), &id, &code))
        return code;
    (void)snprintf(path, sizeof path, "/v1/rollouts/%" PRId64 "/amendments", id);
    const struct listing listing = {path,          "amendments", columns, sizeof columns / sizeof *columns,
                                    add_amendment, false,        limit,   "no amendments"};
    return session_list(session, &listing);
}
