/* Shows the installation and accepts a restored database. */
#include "clients/ctl/commands/rollout.h"
#include "clients/ctl/commands/run.h"
#include "clients/ctl/commands/session.h"
#include "clients/ctl/screen/text.h"

#include <inttypes.h>

static const char path[] = "/v1/installation";

static void put_restores(const struct session *session, const json_t *restores, struct buffer *out)
{
    static const struct table_column columns[] = {
        {"EPOCH", true, 0, 0},     {"RESTORED TO", false, 0, 0}, {"NOTICED", false, 0, 1},
        {"ACCEPTED", false, 0, 0}, {"BY", false, 0, 0},          {"REASON", false, 0, 0},
    };
    struct table table = table_start(columns, sizeof columns / sizeof *columns);
    size_t i;
    const json_t *restore;
    json_array_foreach(restores, i, restore)
    {
        table_add_id(&table, TONE_PLAIN, document_number(restore, "epoch"));
        table_add_time(&table, document_text(restore, "restored_to"));
        table_add_time(&table, document_text(restore, "refused_at"));
        table_add_time(&table, document_text(restore, "accepted_at"));
        table_add(&table, TONE_PLAIN, document_text(restore, "actor"));
        table_add(&table, TONE_PLAIN, document_text(restore, "reason"));
    }
    if (i > 0) {
        buffer_put_text(out, "\n");
        table_put(&table, &session->out, true, out);
    }
    table_free(&table);
}

static void put_count(const struct session *session, const char *name, const json_t *document, const char *key,
                      const char *more, struct buffer *out)
{
    struct buffer text = {0};
    text_put_count(&text, document_number(document, key));
    buffer_put_text(&text, more);
    session_put_fact(session, name, buffer_text(&text), out);
    buffer_free(&text);
}

static void put_refusal(const struct session *session, const json_t *refused, struct buffer *out)
{
    struct buffer text = {0};
    if (!json_is_object(refused))
        return;
    buffer_put_text(&text, "restored to an older state, as noticed by ");
    (void)text_put_clean(&text, document_text(refused, "by"), 0, session->out.utf8);
    buffer_format(&text, " at %s; all work waits until: tellercast admin accept-restored",
                  document_text(refused, "at"));
    session_put_fact(session, "database", buffer_text(&text), out);
    buffer_free(&text);
}

static void put_warnings(const struct session *session, const json_t *warnings, struct buffer *out)
{
    size_t i;
    const json_t *warning;
    json_array_foreach(warnings, i, warning)
    {
        struct buffer text = {0};
        (void)text_put_clean(&text, json_string_value(warning), 0, session->out.utf8);
        session_put_fact(session, "warning", buffer_text(&text), out);
        buffer_free(&text);
    }
}

static void put_installation(const struct session *session, const json_t *document)
{
    struct buffer out = {0};
    const json_t *recall = json_object_get(document, "recall");
    session_put_heading(session, document_text(document, "installation"), &out);
    put_count(session, "epoch", document, "epoch", "", &out);
    put_refusal(session, json_object_get(document, "refused"), &out);
    put_warnings(session, json_object_get(document, "warnings"), &out);
    if (json_is_object(recall)) {
        put_count(session, "told since", recall, "told", " devices have reported what they did", &out);
        put_count(session, "not yet", recall, "outstanding", " devices have not reported yet", &out);
        put_count(session, "cannot", recall, "unable", " devices have an older agent: only their versions are known",
                  &out);
        put_count(session, "unknown", document, "unknown_orders",
                  " orders are known only from devices: tellercast admin unknown-orders", &out);
    }
    put_restores(session, json_object_get(document, "restores"), &out);
    session_put(&out);
    buffer_free(&out);
}

int run_admin_status(struct session *session)
{
    int code;
    json_t *document = session_get(session, path, "the installation", &code);
    if (document == NULL)
        return code;
    TC_CHECK(json_object_set_new(document, "warnings", session_get_warnings(session)) == 0);
    if (session->json)
        session_put_json(session, document);
    else
        put_installation(session, document);
    json_decref(document);
    return EXIT_HEALTHY;
}

int run_admin_accept_restored(struct session *session)
{
    int code;
    json_t *answer = session_order(session, "/v1/installation/accept-restored", "the installation", &code);
    if (answer == NULL)
        return code;
    if (session->json)
        session_put_json(session, answer);
    else
        session_say(session,
                    "the restored database is accepted, in epoch %" PRId64
                    "; devices are asked what they did: tellercast admin status",
                    document_number(answer, "epoch"));
    json_decref(answer);
    return EXIT_HEALTHY;
}

static void add_unknown_order(struct table *table, const json_t *order)
{
    struct buffer versions = {0};
    document_put_pairs(json_object_get(order, "versions"), &versions);
    table_add(table, TONE_STRONG, document_text(order, "device"));
    table_add_id(table, TONE_PLAIN, document_number(order, "instruction"));
    table_add_id(table, TONE_PLAIN, document_number(order, "attempt"));
    table_add(table, instruction_state_tone(document_text(order, "state")), document_text(order, "state"));
    table_add(table, TONE_PLAIN, document_text(order, "code"));
    table_add_time(table, document_text(order, "last_at"));
    table_add(table, TONE_PLAIN, buffer_text(&versions));
    buffer_free(&versions);
}

int run_admin_unknown_orders(struct session *session)
{
    static const struct table_column columns[] = {
        {"DEVICE", false, 10, 0}, {"INSTRUCTION", true, 0, 0}, {"ATTEMPT", true, 0, 2},   {"STATE", false, 0, 0},
        {"CODE", false, 0, 0},    {"TOLD", false, 0, 1},       {"VERSIONS", false, 0, 0},
    };
    int64_t limit;
    int code;
    if (!session_limit(session, &limit, &code))
        return code;
    const struct listing listing = {"/v1/unknown-orders",
                                    "unknown_orders",
                                    columns,
                                    sizeof columns / sizeof *columns,
                                    add_unknown_order,
                                    false,
                                    limit,
                                    "no device has reported an unknown order"};
    return session_list(session, &listing);
}
