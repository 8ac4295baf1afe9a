/* What an operator looks at first, drawn for a terminal. */
#include "clients/ctl/commands/approval.h"
#include "clients/ctl/commands/rollout.h"
#include "clients/ctl/commands/run.h"
#include "clients/ctl/commands/session.h"
#include "clients/ctl/screen/text.h"

#include <inttypes.h>
#include <string.h>

static const char *words_for(const char *kind)
{
    static const struct {
        const char *kind, *words;
    } words[] = {{"frozen", "frozen"},
                 {"freeze_overdue", "freeze overdue"},
                 {"aborted", "stopped by an abort"},
                 {"halted", "halted"},
                 {"paused", "paused"},
                 {"group_paused", "group paused"},
                 {"failures", "failures"},
                 {"failing_now", "failing now"},
                 {"review_overdue", "review overdue"},
                 {"ends_late", "ends late"},
                 {"without_machine", "branches with no machine left"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(words[i].kind, kind) == 0)
            return words[i].words;
    }
    return kind;
}

/* Draws a table below a title, if it has rows. */
static void put_table(const struct session *session, const char *title, struct table *table, struct buffer *out)
{
    if (table->cell_count > 0) {
        buffer_put_text(out, "\n");
        session_put_heading(session, title, out);
        table_put(table, &session->out, true, out);
    }
    table_free(table);
}

static void add_number(struct table *table, enum tone tone, const json_t *number)
{
    if (json_is_integer(number))
        table_add_count(table, tone, json_integer_value(number));
    else
        table_add(table, tone, NULL);
}

/* What failed has causes, which are counted by another command. */
static void add_detail(struct table *table, const json_t *row)
{
    struct buffer text = {0};
    buffer_put_text(&text, document_text(row, "detail"));
    if (strcmp(document_text(row, "kind"), "failures") == 0)
        buffer_format(&text, "by cause: tellercast rollout failures %" PRId64, document_number(row, "rollout"));
    table_add(table, TONE_PLAIN, buffer_text(&text));
    buffer_free(&text);
}

static void put_attention(const struct session *session, const json_t *overview, struct buffer *out)
{
    static const struct table_column columns[] = {{"WHAT", false, 0, 0},  {"ROLLOUT", true, 0, 0},
                                                  {"NAME", false, 0, 0},  {"DEVICES", true, 0, 0},
                                                  {"SINCE", false, 0, 1}, {"DETAIL", false, 0, 2}};
    struct table table = table_start(columns, sizeof columns / sizeof *columns);
    size_t i;
    const json_t *row;
    json_array_foreach(json_object_get(overview, "attention"), i, row)
    {
        table_add(&table, TONE_BAD, words_for(document_text(row, "kind")));
        if (json_is_integer(json_object_get(row, "rollout")))
            table_add_id(&table, TONE_PLAIN, document_number(row, "rollout"));
        else
            table_add(&table, TONE_PLAIN, NULL);
        table_add(&table, TONE_PLAIN, document_text(row, "name"));
        add_number(&table, TONE_PLAIN, json_object_get(row, "count"));
        table_add_time(&table, document_text(row, "since"));
        add_detail(&table, row);
    }
    if (table.cell_count == 0)
        buffer_put_text(out, "Nothing needs attention.\n");
    put_table(session, "Needs attention", &table, out);
}

/* A reader in a scope. */
static void put_partial(bool is_partial, struct buffer *out)
{
    if (is_partial)
        buffer_put_text(out,
                        "Rollouts without counts have devices outside of your scope, and no windows here. Of yours: "
                        "tellercast rollout status ROLLOUT\n");
}

static void put_rollouts(const struct session *session, const json_t *overview, struct buffer *out)
{
    static const struct table_column columns[] = {
        {"ROLLOUT", true, 0, 0},       {"NAME", false, 0, 0},     {"STATE", false, 0, 0}, {"DEVICES", true, 0, 0},
        {"COMPLETED", true, 0, 0},     {"IN FLIGHT", true, 0, 0}, {"FAILED", true, 0, 0}, {"TIMED OUT", true, 0, 1},
        {"ENDS AT BEST", false, 0, 2}, {"AT WORST", false, 0, 2},
    };
    static const char *const counts[] = {"devices", "completed", "in_flight", "failed", "timed_out"};
    struct table table = table_start(columns, sizeof columns / sizeof *columns);
    bool is_partial = false;
    size_t i;
    const json_t *row;
    json_array_foreach(json_object_get(overview, "rollouts"), i, row)
    {
        const char *state = document_text(row, "state");
        table_add_id(&table, TONE_STRONG, document_number(row, "rollout"));
        table_add(&table, TONE_PLAIN, document_text(row, "name"));
        table_add(&table, strcmp(state, "paused") == 0 ? TONE_BAD : TONE_PLAIN, state);
        for (size_t count = 0; count < sizeof counts / sizeof *counts; count++)
            add_number(&table, TONE_PLAIN, json_object_get(row, counts[count]));
        table_add_time(&table, document_text(row, "forecast_end_at"));
        table_add_time(&table, document_text(row, "worst_end_at"));
        is_partial = is_partial || json_is_null(json_object_get(row, "completed"));
    }
    put_table(session, "Rollouts", &table, out);
    put_partial(is_partial, out);
}

static void put_windows(const struct session *session, const json_t *overview, struct buffer *out)
{
    static const struct table_column columns[] = {{"ZONE", false, 0, 0},  {"THERE IT IS", false, 0, 0},
                                                  {"OPENS", false, 0, 0}, {"CLOSES", false, 0, 0},
                                                  {"NOW", false, 0, 0},   {"ROLLOUTS", false, 0, 1}};
    struct table table = table_start(columns, sizeof columns / sizeof *columns);
    size_t i, k;
    const json_t *row, *rollout;
    json_array_foreach(json_object_get(overview, "windows"), i, row)
    {
        struct buffer rollouts = {0};
        bool is_open = json_is_true(json_object_get(row, "is_open"));
        json_array_foreach(json_object_get(row, "rollouts"), k, rollout)
        {
            buffer_format(&rollouts, "%s%" JSON_INTEGER_FORMAT, k == 0 ? "" : ", ", json_integer_value(rollout));
        }
        table_add(&table, TONE_STRONG, document_text(row, "zone"));
        table_add(&table, TONE_PLAIN, document_text(row, "local_now"));
        table_add(&table, TONE_PLAIN, document_text(row, "local_opens"));
        table_add(&table, TONE_PLAIN, document_text(row, "local_closes"));
        table_add(&table, is_open ? TONE_GOOD : TONE_PLAIN, is_open ? "open" : "");
        table_add(&table, TONE_PLAIN, buffer_text(&rollouts));
        buffer_free(&rollouts);
    }
    put_table(session, "Windows within a day, on the clocks of their zones", &table, out);
}

static void put_approvals(const struct session *session, const json_t *overview, struct buffer *out)
{
    struct table table = table_start(approval_columns, APPROVAL_COLUMNS);
    size_t i;
    const json_t *row;
    json_array_foreach(json_object_get(json_object_get(overview, "waiting"), "approvals"), i, row)
    {
        approval_add(&table, row);
    }
    put_table(session, "Waits for approval", &table, out);
}

static void put_branches(const struct session *session, const json_t *overview, struct buffer *out)
{
    const json_t *branches = json_object_get(overview, "branches");
    const char *more = json_is_true(json_object_get(branches, "more")) ? "at least " : "";
    struct buffer text = {0};
    buffer_put_text(out, "\n");
    buffer_format(&text, "%s%" PRId64 " at their budget, %s%" PRId64 " with no machine left", more,
                  document_number(branches, "at_budget"), more, document_number(branches, "without_machine"));
    session_put_fact(session, "branches", buffer_text(&text), out);
    buffer_clear(&text);
    if (*document_text(overview, "oldest_due_at") != '\0') {
        buffer_put_text(&text, "devices have been due since ");
        text_put_time(&text, document_text(overview, "oldest_due_at"));
        buffer_put_text(&text, "; why: tellercast why ROLLOUT");
    }
    session_put_fact(session, "not started", buffer_text(&text), out);
    buffer_free(&text);
}

int run_tonight(struct session *session)
{
    int code;
    json_t *overview = session_get(session, "/v1/overview", "overview", &code);
    if (overview == NULL)
        return code;
    if (session->json) {
        session_put_json(session, overview);
    } else {
        struct buffer out = {0};
        put_attention(session, overview, &out);
        put_rollouts(session, overview, &out);
        put_windows(session, overview, &out);
        put_branches(session, overview, &out);
        put_approvals(session, overview, &out);
        session_put(&out);
        buffer_free(&out);
    }
    json_decref(overview);
    return EXIT_HEALTHY;
}
