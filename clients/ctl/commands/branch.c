/* Branches, and how they use their machines. */
#include "clients/ctl/commands/branch.h"

#include "clients/ctl/commands/query.h"
#include "clients/ctl/commands/run.h"
#include "clients/ctl/commands/session.h"
#include "clients/ctl/screen/text.h"

#include <inttypes.h>
#include <string.h>

static void add_number(struct table *table, enum tone tone, const json_t *number)
{
    struct buffer text = {0};
    if (json_is_integer(number))
        buffer_format(&text, "%" JSON_INTEGER_FORMAT, json_integer_value(number));
    table_add(table, tone, buffer_text(&text));
    buffer_free(&text);
}

/* Of machines that are left: none is bad. */
static enum tone left_tone(const json_t *branch)
{
    return document_number(branch, "machines") > 0 && document_number(branch, "machines_left") <= 0 ? TONE_BAD
                                                                                                    : TONE_PLAIN;
}

static void add_branch(struct table *table, const json_t *branch)
{
    struct buffer labels = {0};
    table_add(table, TONE_STRONG, document_text(branch, "branch"));
    table_add(table, TONE_PLAIN, document_text(branch, "zone"));
    add_number(table, TONE_PLAIN, json_object_get(branch, "machines"));
    add_number(table, left_tone(branch), json_object_get(branch, "machines_left"));
    add_number(table, TONE_PLAIN, json_object_get(branch, "in_flight"));
    add_number(table, TONE_PLAIN, json_object_get(branch, "unavailable"));
    add_number(table, TONE_PLAIN, json_object_get(branch, "used"));
    add_number(table, TONE_PLAIN, json_object_get(branch, "budget"));
    document_put_pairs(json_object_get(branch, "labels"), &labels);
    table_add(table, TONE_PLAIN, buffer_text(&labels));
    buffer_free(&labels);
}

void branch_filter_put(const struct session *session, struct buffer *path)
{
    buffer_put_text(path, "/v1/branches");
    if (session->invocation->argument_count > 0) {
        query_put_name(path, "q");
        http_put_escaped(path, session_argument(session, 0));
    }
    (void)query_put_options(session, "where", "label", path);
    query_put_flag(session, "at-budget", "at_budget", path);
    query_put_flag(session, "without-machine", "without_machine", path);
}

int run_branch_list(struct session *session)
{
    static const struct table_column columns[] = {
        {"BRANCH", false, 8, 0}, {"ZONE", false, 8, 2},     {"MACHINES", true, 0, 0},
        {"LEFT", true, 0, 0},    {"IN FLIGHT", true, 0, 0}, {"OUT OF SERVICE", true, 0, 0},
        {"USED", true, 0, 0},    {"BUDGET", true, 0, 0},    {"LABELS", false, 0, 1},
    };
    int64_t limit;
    int code;
    if (!session_limit(session, &limit, &code))
        return code;
    struct buffer path = {0};
    branch_filter_put(session, &path);
    const struct listing listing = {buffer_text(&path), "branches", columns, sizeof columns / sizeof *columns,
                                    add_branch,         false,      limit,   "no such branches"};
    code = session_list(session, &listing);
    buffer_free(&path);
    return code;
}

static void put_number(const struct session *session, const char *name, const json_t *branch, const char *key,
                       struct buffer *out)
{
    struct buffer text = {0};
    if (json_is_integer(json_object_get(branch, key)))
        buffer_format(&text, "%" PRId64, document_number(branch, key));
    session_put_fact(session, name, buffer_text(&text), out);
    buffer_free(&text);
}

static void put_now(const struct session *session, const json_t *branch, struct buffer *out)
{
    static const struct table_column columns[] = {
        {"DEVICE", false, 0, 0}, {"STATE", false, 0, 0}, {"SINCE", false, 0, 0}, {"ROLLOUT", true, 0, 0}};
    static const struct {
        const char *key, *word;
    } lists[] = {{"devices_in_flight", "state"}, {"devices_unavailable", "code"}};
    struct table table = table_start(columns, sizeof columns / sizeof *columns);
    for (size_t list = 0; list < sizeof lists / sizeof *lists; list++) {
        size_t i;
        const json_t *device;
        json_array_foreach(json_object_get(branch, lists[list].key), i, device)
        {
            table_add(&table, TONE_STRONG, document_text(device, "device"));
            table_add(&table, list == 0 ? TONE_PLAIN : TONE_BAD, document_text(device, lists[list].word));
            table_add_time(&table, document_text(device, "since"));
            if (json_is_integer(json_object_get(device, "rollout")))
                table_add_id(&table, TONE_PLAIN, document_number(device, "rollout"));
            else
                table_add(&table, TONE_PLAIN, NULL);
        }
    }
    if (table.cell_count > 0) {
        buffer_put_text(out, "\n");
        table_put(&table, &session->out, true, out);
    }
    table_free(&table);
}

static void put_rollouts(const struct session *session, const json_t *branch, struct buffer *out)
{
    static const struct table_column columns[] = {
        {"ROLLOUT", true, 0, 0}, {"NAME", false, 0, 0},     {"STATE", false, 0, 0},
        {"WAITING", true, 0, 0}, {"IN FLIGHT", true, 0, 0}, {"NEXT", false, 0, 0},
    };
    struct table table = table_start(columns, sizeof columns / sizeof *columns);
    size_t i;
    const json_t *rollout;
    json_array_foreach(json_object_get(branch, "rollouts"), i, rollout)
    {
        table_add_id(&table, TONE_STRONG, document_number(rollout, "rollout"));
        table_add(&table, TONE_PLAIN, document_text(rollout, "name"));
        table_add(&table, TONE_PLAIN, document_text(rollout, "state"));
        add_number(&table, TONE_PLAIN, json_object_get(rollout, "waiting"));
        add_number(&table, TONE_PLAIN, json_object_get(rollout, "in_flight"));
        table_add_time(&table, document_text(rollout, "next_due_at"));
    }
    if (table.cell_count > 0) {
        buffer_put_text(out, "\n");
        table_put(&table, &session->out, true, out);
    }
    table_free(&table);
}

int run_branch_show(struct session *session)
{
    struct buffer path = {0}, subject = {0}, out = {0};
    int code;
    buffer_put_text(&path, "/v1/branches/");
    http_put_escaped(&path, session_argument(session, 0));
    buffer_put_text(&subject, "branch ");
    (void)text_put_clean(&subject, session_argument(session, 0), 0, session->err.utf8);
    json_t *branch = session_get(session, buffer_text(&path), buffer_text(&subject), &code);
    buffer_free(&path);
    buffer_free(&subject);
    if (branch == NULL)
        return code;
    if (session->json) {
        session_put_json(session, branch);
    } else {
        session_put_heading(session, document_text(branch, "branch"), &out);
        session_put_fact(session, "name", document_text(branch, "name"), &out);
        session_put_fact(session, "zone", document_text(branch, "zone"), &out);
        session_put_pairs(session, "labels", json_object_get(branch, "labels"), &out);
        put_number(session, "machines", branch, "machines", &out);
        put_number(session, "left", branch, "machines_left", &out);
        put_number(session, "used", branch, "used", &out);
        put_number(session, "budget", branch, "budget", &out);
        put_now(session, branch, &out);
        put_rollouts(session, branch, &out);
        session_put(&out);
    }
    buffer_free(&out);
    json_decref(branch);
    return EXIT_HEALTHY;
}
