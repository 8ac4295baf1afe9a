/* Blocked versions: the list of artifacts tells them, devices that they concern are listed, and they are blocked and
 * unblocked. */
#include "base/id.h"
#include "clients/ctl/commands/rollout.h"
#include "clients/ctl/commands/run.h"
#include "clients/ctl/commands/session.h"
#include "clients/ctl/screen/text.h"

#include <inttypes.h>
#include <string.h>

/* ---- the list ---- */

/* "by ola since 2026-11-30 09:00: vendor recall" */
static void put_block(const struct session *session, const json_t *block, struct buffer *out)
{
    const json_t *unblock = json_object_get(block, "unblock");
    buffer_put_text(out, "by ");
    (void)text_put_clean(out, document_text(block, "by"), 0, session->out.utf8);
    buffer_put_text(out, " since ");
    text_put_time(out, document_text(block, "at"));
    buffer_put_text(out, ": ");
    (void)text_put_clean(out, document_text(block, "reason"), 0, session->out.utf8);
    if (!json_is_object(unblock))
        return;
    buffer_put_text(out, "; ");
    (void)text_put_clean(out, document_text(unblock, "by"), 0, session->out.utf8);
    buffer_put_text(out, " ordered to unblock it");
}

static void add_artifact(const struct session *session, struct table *table, const json_t *artifact)
{
    struct buffer size = {0}, block = {0};
    bool is_blocked = json_is_object(json_object_get(artifact, "blocked"));
    bool is_stored = json_is_string(json_object_get(artifact, "sha256"));
    if (is_stored)
        text_put_size(&size, document_number(artifact, "size"));
    if (is_blocked)
        put_block(session, json_object_get(artifact, "blocked"), &block);
    table_add(table, TONE_STRONG, document_text(artifact, "name"));
    table_add(table, is_blocked ? TONE_BAD : TONE_PLAIN, document_text(artifact, "version"));
    table_add(table, TONE_PLAIN, buffer_text(&size));
    table_add_time(table, document_text(artifact, "added_at"));
    table_add(table, TONE_PLAIN, document_text(artifact, "author"));
    table_add(table, TONE_FAINT, document_text(artifact, "sha256"));
    table_add(table, TONE_BAD, buffer_text(&block));
    buffer_free(&size);
    buffer_free(&block);
}

static void put_artifacts(const struct session *session, const json_t *document, struct buffer *out)
{
    static const struct table_column columns[] = {
        {"NAME", false, 0, 0}, {"VERSION", false, 0, 0}, {"SIZE", true, 0, 0},     {"ADDED", false, 0, 1},
        {"BY", false, 0, 2},   {"SHA256", false, 0, 3},  {"BLOCKED", false, 0, 0},
    };
    struct table table = table_start(columns, sizeof columns / sizeof *columns);
    size_t i;
    const json_t *artifact;
    json_array_foreach(json_object_get(document, "artifacts"), i, artifact)
    {
        add_artifact(session, &table, artifact);
    }
    json_array_foreach(json_object_get(document, "blocked"), i, artifact)
    {
        if (json_is_false(json_object_get(artifact, "stored")))
            add_artifact(session, &table, artifact);
    }
    if (table.cell_count > 0)
        table_put(&table, &session->out, true, out);
    else
        session_say(session, "no artifacts; add one with: tellercast artifact add FILE --name N --version V");
    table_free(&table);
}

int run_artifact_list(struct session *session)
{
    int code;
    json_t *document = session_get(session, "/v1/artifacts", "artifacts", &code);
    if (document == NULL)
        return code;
    struct buffer out = {0};
    if (session->json)
        session_put_json(session, document);
    else
        put_artifacts(session, document, &out);
    session_put(&out);
    buffer_free(&out);
    json_decref(document);
    return EXIT_HEALTHY;
}

/* ---- the devices ---- */

static bool check_version(const struct session *session, int *code)
{
    for (size_t i = 0; i < 2; i++) {
        const char *text = session_argument(session, i);
        if (name_is_valid(text, strlen(text)))
            continue;
        *code = session_fail_usage(session, "%s: found \"%.80s\", allowed: 1 to 64 of A-Z a-z 0-9 _ - . : +",
                                   i == 0 ? "NAME" : "VERSION", text);
        return false;
    }
    return true;
}

/* Writes the path of a request about the version that the arguments name. */
static void put_path(const struct session *session, const char *operation, struct buffer *path)
{
    buffer_format(path, "/v1/artifacts:%s?name=", operation);
    http_put_escaped(path, session_argument(session, 0));
    buffer_put_text(path, "&version=");
    http_put_escaped(path, session_argument(session, 1));
}

/* What has it will finish, what was not answered is withdrawn. Not told of a scope. */
static void say_in_flight(const struct session *session, const json_t *document)
{
    const json_t *counts = json_object_get(document, "in_flight");
    if (!json_is_object(counts))
        return;
    struct buffer text = {0};
    document_put_counted(&text, document_number(counts, "dispatched"), "device", "devices");
    buffer_put_text(&text, " started and not answered, ");
    document_put_counted(&text, document_number(counts, "sent") + document_number(counts, "received"), "device",
                         "devices");
    buffer_put_text(&text, " answered and not begun, ");
    document_put_counted(&text, document_number(counts, "installing"), "device", "devices");
    buffer_put_text(&text, " installing");
    session_say(session, "%s %s: %s", document_text(document, "name"), document_text(document, "version"),
                buffer_text(&text));
    buffer_free(&text);
}

static void add_affected(struct table *table, const json_t *device)
{
    const char *state = document_text(device, "state");
    int64_t rollout = document_number(device, "rollout");
    table_add(table, TONE_STRONG, document_text(device, "device"));
    table_add(table, TONE_PLAIN, document_text(device, "branch"));
    table_add(table, TONE_PLAIN, json_is_true(json_object_get(device, "runs")) ? "yes" : "");
    if (rollout == 0)
        table_add(table, TONE_PLAIN, "");
    else
        table_add_id(table, TONE_PLAIN, rollout);
    table_add(table, instruction_state_tone(state), state);
}

int run_artifact_affected(struct session *session)
{
    static const struct table_column columns[] = {
        {"DEVICE", false, 0, 0}, {"BRANCH", false, 0, 1}, {"RUNS IT", false, 0, 0},
        {"ROLLOUT", true, 0, 0}, {"STATE", false, 0, 0},
    };
    int code;
    int64_t limit = 0;
    struct buffer path = {0}, first = {0};
    if (!check_version(session, &code) || !session_limit(session, &limit, &code))
        return code;
    put_path(session, "affected", &path);
    buffer_format(&first, "%s&limit=1", buffer_text(&path));
    json_t *document = session_get(session, buffer_text(&first), "devices", &code);
    if (document != NULL) {
        say_in_flight(session, document);
        const struct listing listing = {.path = buffer_text(&path),
                                        .key = "devices",
                                        .columns = columns,
                                        .column_count = sizeof columns / sizeof *columns,
                                        .add = add_affected,
                                        .most = limit,
                                        .empty_message = "no device runs this version or is about to"};
        code = session_list(session, &listing);
        json_decref(document);
    }
    buffer_free(&path);
    buffer_free(&first);
    return code;
}

/* ---- acts ---- */

/* Sends an act. NULL after the fault was shown and `code` was set. */
static json_t *send_act(struct session *session, const char *operation, int *code)
{
    if (!check_version(session, code))
        return NULL;
    struct buffer path = {0}, subject = {0};
    put_path(session, operation, &path);
    buffer_format(&subject, "%s %s", session_argument(session, 0), session_argument(session, 1));
    json_t *answer = session_order(session, buffer_text(&path), buffer_text(&subject), code);
    buffer_free(&subject);
    buffer_free(&path);
    return answer;
}

static void say_blocked(const struct session *session, const json_t *answer)
{
    size_t i;
    const json_t *item;
    session_say(session, "%s %s: blocked", document_text(answer, "name"), document_text(answer, "version"));
    json_array_foreach(json_object_get(answer, "paused"), i, item)
    {
        session_say(session, "rollout %" PRId64 " is paused: %s", document_number(item, "rollout"),
                    document_text(item, "name"));
    }
    json_array_foreach(json_object_get(answer, "same_as"), i, item)
    {
        session_say(session, "the same file is not blocked as %s %s", document_text(item, "name"),
                    document_text(item, "version"));
    }
    say_in_flight(session, answer);
}

int run_artifact_block(struct session *session)
{
    int code = EXIT_HEALTHY;
    json_t *answer = send_act(session, "block", &code);
    if (answer == NULL)
        return code;
    if (session->json)
        session_put_json(session, answer);
    else
        say_blocked(session, answer);
    json_decref(answer);
    return EXIT_HEALTHY;
}

int run_artifact_unblock(struct session *session)
{
    int code = EXIT_HEALTHY;
    json_t *answer = send_act(session, "unblock", &code);
    if (answer == NULL)
        return code;
    bool waits = json_is_true(json_object_get(answer, "waits"));
    const char *name = document_text(answer, "name"), *version = document_text(answer, "version");
    if (session->json)
        session_put_json(session, answer);
    else if (waits)
        session_say(session, "%s %s: waits for an approver, who gives the same command", name, version);
    else
        session_say(session, "%s %s: unblocked; its rollouts stay paused until they are resumed", name, version);
    json_decref(answer);
    return waits ? EXIT_PAUSED : EXIT_HEALTHY;
}
