/* Freezes: order, list, show and lift. */
#include "clients/ctl/commands/freeze.h"

#include "base/clock.h"
#include "clients/ctl/commands/run.h"
#include "clients/ctl/commands/scope_words.h"
#include "clients/ctl/screen/text.h"

#include <inttypes.h>
#include <string.h>

enum { LIFT_COUNTED = 10000 }; /* so far the daemon counts what waits in the scope of a freeze */

/* ---- words ---- */

static void put_scope(const json_t *freeze, const struct screen *screen, struct buffer *out)
{
    struct buffer text = {0};
    const json_t *match = json_object_get(freeze, "match");
    if (json_object_size(match) == 0)
        buffer_put_text(&text, "everything");
    scope_put_labels(match, &text);
    (void)text_put_clean(out, buffer_text(&text), 0, screen->utf8);
    buffer_free(&text);
}

static bool excepts_rollbacks(const json_t *freeze)
{
    return json_array_size(json_object_get(freeze, "except")) > 0;
}

/* "region=emea, except rollbacks, by ana until 2026-12-01 06:00:00Z: storm" */
static void put_words(const json_t *freeze, const struct screen *screen, struct buffer *out)
{
    put_scope(freeze, screen, out);
    buffer_put_text(out, excepts_rollbacks(freeze) ? ", except rollbacks, by " : " by ");
    (void)text_put_clean(out, document_text(freeze, "by"), 0, screen->utf8);
    buffer_put_text(out, " until ");
    text_put_time(out, document_text(freeze, "until"));
    buffer_put_text(out, json_is_true(json_object_get(freeze, "is_overdue")) ? " (overdue): " : ": ");
    (void)text_put_clean(out, document_text(freeze, "reason"), 0, screen->utf8);
}

void freezes_put(const struct session *session, const json_t *freezes, struct buffer *out)
{
    size_t i;
    const json_t *freeze;
    json_array_foreach(freezes, i, freeze)
    {
        struct buffer text = {0};
        buffer_format(&text, "freeze %" PRId64 " of ", document_number(freeze, "freeze"));
        put_words(freeze, &session->out, &text);
        screen_begin_tone(&session->out, TONE_BAD, out);
        facts_put(&session->out, "FROZEN", buffer_text(&text), out);
        screen_end_tone(&session->out, TONE_BAD, out);
        buffer_free(&text);
    }
}

static void say_one(const struct session *session, const json_t *freeze)
{
    struct buffer text = {0};
    screen_begin_tone(&session->err, TONE_BAD, &text);
    buffer_format(&text, "FROZEN: freeze %" PRId64 " of ", document_number(freeze, "freeze"));
    put_words(freeze, &session->err, &text);
    screen_end_tone(&session->err, TONE_BAD, &text);
    session_say(session, "%s", buffer_text(&text));
    buffer_free(&text);
}

void freezes_say(struct session *session)
{
    enum { SHOWN_MOST = 10 };
    int code;
    size_t i;
    const json_t *freeze;
    struct http_answer answer;
    struct http *http = session->quiet ? NULL : session_http(session, &code);
    if (http == NULL || http_get(http, "/v1/freezes?state=in_force&limit=100", &answer, NULL) != TC_OK)
        return;
    const json_t *freezes = http_answer_is_good(&answer) ? json_object_get(answer.document, "freezes") : NULL;
    json_array_foreach(freezes, i, freeze)
    {
        if (i < SHOWN_MOST)
            say_one(session, freeze);
    }
    if (i > SHOWN_MOST)
        session_say(session, "More freezes are in force: tellercast freeze list");
    http_answer_free(&answer);
}

/* ---- freezing ---- */

/* The body of the order; NULL after the fault was shown. */
static json_t *read_order(const struct session *session, int *code)
{
    char until[TC_TIME_TEXT_SIZE];
    const char *reason = session_reason(session, code), *except = session_option(session, "except");
    if (reason == NULL || !session_time_option(session, "until", until, code))
        return NULL;
    json_t *order =
        json_pack("{s:s*, s:s, s:s}", "match", session_option(session, "match"), "until", until, "reason", reason);
    if (order != NULL && except != NULL && json_object_set_new(order, "except", json_pack("[s]", except)) != 0) {
        json_decref(order);
        order = NULL;
    }
    if (order == NULL)
        *code = session_fail_usage(session, "--match, --reason and --except: must be UTF-8");
    return order;
}

static void say_preview(const struct session *session, const json_t *preview)
{
    struct buffer text = {0};
    bool has_more = json_is_true(json_object_get(preview, "has_more_devices"));
    int64_t may_have_it = document_number(preview, "may_have_it");
    put_scope(preview, &session->err, &text);
    buffer_put_text(&text, has_more ? ": more than " : ": ");
    document_put_counted(&text, document_number(preview, "devices"), "device", "devices");
    buffer_put_text(&text, "; withdrawn: ");
    document_put_counted(&text, document_number(preview, "withdrawn"), "instruction", "instructions");
    buffer_put_text(&text, " that no device was answered with");
    if (may_have_it > 0)
        buffer_format(&text, ", of which %" PRId64 " may have reached a pull client already", may_have_it);
    buffer_put_text(&text, "; will finish: ");
    document_put_counted(&text, document_number(preview, "finish"), "answered instruction", "answered instructions");
    session_say(session, "%s", buffer_text(&text));
    buffer_free(&text);
}

/* "freeze 3  region=emea  in force until 2026-12-01 06:00:00Z" */
static void show_freeze(const struct session *session, const json_t *freeze, const char *words)
{
    struct buffer out = {0};
    if (session->json) {
        session_put_json(session, freeze);
        return;
    }
    buffer_format(&out, "freeze %" PRId64 "  ", document_number(freeze, "freeze"));
    screen_begin_tone(&session->out, TONE_STRONG, &out);
    put_scope(freeze, &session->out, &out);
    screen_end_tone(&session->out, TONE_STRONG, &out);
    buffer_format(&out, "  %s\n", words);
    session_put(&out);
    buffer_free(&out);
}

static void show_ordered(const struct session *session, const json_t *freeze)
{
    struct buffer words = {0};
    buffer_put_text(&words, json_is_true(json_object_get(freeze, "existing")) ? "was already " : "");
    buffer_put_text(&words, "in force until ");
    text_put_time(&words, document_text(freeze, "until"));
    show_freeze(session, freeze, buffer_text(&words));
    buffer_free(&words);
    session_say(session, "It stays in force until it is lifted: tellercast freeze lift %" PRId64 " --reason REASON",
                document_number(freeze, "freeze"));
}

/* Takes the order. */
static int order_freeze(struct session *session, json_t *order)
{
    int code = EXIT_HEALTHY;
    bool is_dry_run = session_has(session, "dry-run");
    json_t *preview = session_post(session, "/v1/freezes:preview", json_incref(order), "freeze", &code);
    bool goes_on = preview != NULL && !is_dry_run;
    if (preview != NULL && is_dry_run && session->json)
        session_put_json(session, preview);
    else if (preview != NULL)
        say_preview(session, preview);
    if (goes_on && !session_confirm(session, "Freeze it?")) {
        code = session_fail(session, EXIT_ERROR, "nothing was frozen");
        goes_on = false;
    }
    json_t *freeze = goes_on ? session_post(session, "/v1/freezes", json_incref(order), "freeze", &code) : NULL;
    if (freeze != NULL)
        show_ordered(session, freeze);
    json_decref(freeze);
    json_decref(preview);
    json_decref(order);
    return code;
}

int run_freeze(struct session *session)
{
    int code;
    json_t *order = read_order(session, &code);
    return order == NULL ? code : order_freeze(session, order);
}

/* ---- showing ---- */

static const char *state_shown(const json_t *freeze, enum tone *tone)
{
    bool in_force = strcmp(document_text(freeze, "state"), "in_force") == 0;
    *tone = in_force ? TONE_BAD : TONE_PLAIN;
    if (json_is_true(json_object_get(freeze, "is_overdue")))
        return "overdue";
    return in_force ? "in force" : "lifted";
}

static void add_freeze(struct table *table, const json_t *freeze)
{
    static const struct screen plain = {.utf8 = true};
    struct buffer scope = {0};
    enum tone tone;
    const char *state = state_shown(freeze, &tone);
    put_scope(freeze, &plain, &scope);
    table_add_id(table, TONE_STRONG, document_number(freeze, "freeze"));
    table_add(table, tone, buffer_text(&scope));
    table_add(table, tone, state);
    table_add_time(table, document_text(freeze, "until"));
    table_add(table, TONE_PLAIN, excepts_rollbacks(freeze) ? "rollback" : "");
    table_add(table, TONE_PLAIN, document_text(freeze, "by"));
    table_add(table, TONE_PLAIN, document_text(freeze, "reason"));
    table_add(table, TONE_PLAIN, document_text(json_object_get(freeze, "lift"), "by"));
    buffer_free(&scope);
}

int run_freeze_list(struct session *session)
{
    static const struct table_column columns[] = {
        {"FREEZE", true, 0, 0},  {"SCOPE", false, 12, 0}, {"STATE", false, 8, 0},  {"UNTIL", false, 0, 0},
        {"EXCEPT", false, 0, 3}, {"BY", false, 8, 0},     {"REASON", false, 0, 1}, {"LIFT ORDERED BY", false, 0, 2},
    };
    int64_t limit;
    int code;
    if (!session_limit(session, &limit, &code))
        return code;
    const char *state = session_option(session, "state");
    struct buffer path = {0};
    buffer_put_text(&path, "/v1/freezes");
    if (state != NULL) {
        buffer_put_text(&path, "?state=");
        http_put_escaped(&path, state);
    }
    const struct listing listing = {buffer_text(&path), "freezes", columns, sizeof columns / sizeof *columns,
                                    add_freeze,         false,     limit,   "no freezes"};
    code = session_list(session, &listing);
    buffer_free(&path);
    return code;
}

/* Writes the path of a freeze, and what it is in a message. */
static void put_path(const struct session *session, const char *verb, struct buffer *path, struct buffer *subject)
{
    buffer_put_text(path, "/v1/freezes/");
    http_put_escaped(path, session_argument(session, 0));
    buffer_put_text(path, verb);
    buffer_put_text(subject, "freeze ");
    (void)text_put_clean(subject, session_argument(session, 0), 0, session->err.utf8);
}

/* "ana, 2026-12-01 06:00:00Z: the storm is over" */
static void put_step(const struct session *session, const char *name, const json_t *step, struct buffer *out)
{
    struct buffer text = {0}, clean = {0};
    if (!json_is_object(step))
        return;
    buffer_format(&text, "%s, ", document_text(step, "by"));
    text_put_time(&text, document_text(step, "at"));
    buffer_format(&text, ": %s", document_text(step, "reason"));
    (void)text_put_clean(&clean, buffer_text(&text), 0, session->out.utf8);
    session_put_fact(session, name, buffer_text(&clean), out);
    buffer_free(&text);
    buffer_free(&clean);
}

static void put_freeze(const struct session *session, const json_t *freeze, struct buffer *out)
{
    struct buffer text = {0};
    enum tone tone;
    const char *state = state_shown(freeze, &tone);
    buffer_format(&text, "freeze %" PRId64, document_number(freeze, "freeze"));
    session_put_heading(session, buffer_text(&text), out);
    buffer_clear(&text);
    put_scope(freeze, &session->out, &text);
    session_put_fact(session, "scope", buffer_text(&text), out);
    buffer_clear(&text);
    screen_begin_tone(&session->out, tone, &text);
    buffer_put_text(&text, state);
    screen_end_tone(&session->out, tone, &text);
    session_put_fact(session, "state", buffer_text(&text), out);
    buffer_clear(&text);
    text_put_time(&text, document_text(freeze, "until"));
    session_put_fact(session, "until", buffer_text(&text), out);
    session_put_fact(session, "except", excepts_rollbacks(freeze) ? "rollbacks" : "", out);
    put_step(session, "frozen by", freeze, out);
    put_step(session, "lift ordered by", json_object_get(freeze, "lift"), out);
    put_step(session, "lifted by", json_object_get(freeze, "lifted"), out);
    buffer_free(&text);
}

int run_freeze_show(struct session *session)
{
    int code;
    struct buffer path = {0}, subject = {0}, out = {0};
    put_path(session, "", &path, &subject);
    json_t *freeze = session_get(session, buffer_text(&path), buffer_text(&subject), &code);
    if (freeze != NULL && session->json)
        session_put_json(session, freeze);
    else if (freeze != NULL)
        put_freeze(session, freeze, &out);
    session_put(&out);
    code = freeze == NULL ? code : EXIT_HEALTHY;
    json_decref(freeze);
    buffer_free(&path);
    buffer_free(&subject);
    buffer_free(&out);
    return code;
}

/* ---- lifting ---- */

/* "; 4 stay frozen, 3 by freeze 5 of everything, 1 by freeze 7 of site=branch" */
static void put_others(const struct session *session, const json_t *preview, struct buffer *out)
{
    size_t i;
    const json_t *other;
    buffer_put_text(out, "; ");
    document_put_counted(out, document_number(preview, "still_frozen"), "stays frozen", "stay frozen");
    json_array_foreach(json_object_get(preview, "others"), i, other)
    {
        buffer_format(out, ", %" PRId64 " by freeze %" PRId64 " of ", document_number(other, "waiting"),
                      document_number(other, "freeze"));
        put_scope(other, &session->err, out);
    }
}

/* "region=emea: 12 instructions of 2 running rollouts wait; 8 may start, 5 of them are due; 1 group may open" */
static void say_lift(const struct session *session, const json_t *preview)
{
    struct buffer text = {0};
    bool has_more = json_is_true(json_object_get(preview, "has_more"));
    int64_t waiting = document_number(preview, "waiting"), due = document_number(preview, "due");
    put_scope(preview, &session->err, &text);
    buffer_put_text(&text, !has_more ? ": " : waiting < LIFT_COUNTED ? ": at least " : ": more than ");
    document_put_counted(&text, waiting, "instruction", "instructions");
    buffer_put_text(&text, " of ");
    document_put_counted(&text, document_number(preview, "rollouts"), "running rollout", "running rollouts");
    buffer_put_text(&text, waiting == 1 ? " waits; " : " wait; ");
    buffer_format(&text, "%" PRId64 " may start, %" PRId64 " of them %s", document_number(preview, "may_start"), due,
                  due == 1 ? "is due" : "are due");
    if (document_number(preview, "groups") > 0) {
        buffer_put_text(&text, "; ");
        document_put_counted(&text, document_number(preview, "groups"), "group may open", "groups may open");
    }
    if (document_number(preview, "still_frozen") > 0)
        put_others(session, preview, &text);
    session_say(session, "%s", buffer_text(&text));
    buffer_free(&text);
}

/* Shows what a lift would let start, and asks. Whether to order it; of a lifted freeze the daemon says why not. */
static bool lift_accepted(struct session *session, const char *path, const char *subject, int *code)
{
    bool is_dry_run = session_has(session, "dry-run");
    json_t *preview = session_get(session, path, subject, code);
    if (preview == NULL)
        return false;
    bool is_in_force = strcmp(document_text(preview, "state"), "in_force") == 0, goes_on = !is_dry_run;
    if (is_dry_run && session->json)
        session_put_json(session, preview);
    else if (is_in_force)
        say_lift(session, preview);
    if (is_dry_run && !is_in_force)
        *code = session_fail(session, EXIT_ERROR, "%s is lifted already", subject);
    else if (goes_on && is_in_force && !session_confirm(session, "Lift it?")) {
        *code = session_fail(session, EXIT_ERROR, "nothing was lifted");
        goes_on = false;
    }
    json_decref(preview);
    return goes_on;
}

int run_freeze_lift(struct session *session)
{
    int code = EXIT_HEALTHY;
    struct buffer path = {0}, subject = {0};
    put_path(session, "/lift", &path, &subject);
    json_t *freeze = lift_accepted(session, buffer_text(&path), buffer_text(&subject), &code)
                         ? session_order(session, buffer_text(&path), buffer_text(&subject), &code)
                         : NULL;
    buffer_free(&path);
    buffer_free(&subject);
    if (freeze == NULL)
        return code;
    bool waits = json_is_true(json_object_get(freeze, "waits"));
    show_freeze(session, freeze, waits ? "waits for an approver, who gives the same command" : "lifted");
    json_decref(freeze);
    return waits ? EXIT_PAUSED : EXIT_HEALTHY;
}
