/* The tokens of people. */
#include "clients/ctl/commands/run.h"
#include "clients/ctl/commands/session.h"
#include "clients/ctl/screen/text.h"

#include <inttypes.h>
#include <string.h>

static void put_secret(const struct session *session, const json_t *answer)
{
    struct buffer out = {0}, until = {0};
    (void)text_put_clean(&out, document_text(answer, "secret"), 0, session->out.utf8);
    buffer_put_text(&out, "\n");
    session_put(&out);
    text_put_time(&until, document_text(answer, "expires_at"));
    session_say(session, "%s: this is token %s, valid until %s. It is not shown again.",
                document_text(answer, "person"), document_text(answer, "token"), buffer_text(&until));
    if (json_is_true(json_object_get(answer, "waits")))
        session_say(session, "It waits for another admin: tellercast token confirm %s", document_text(answer, "token"));
    buffer_free(&until);
    buffer_free(&out);
}

int run_token_create(struct session *session)
{
    int code;
    int64_t valid_s;
    if (!session_duration_s(session, "valid-for", &valid_s, &code))
        return code;
    struct buffer path = {0};
    buffer_format(&path, "/v1/tokens?valid_for_s=%" PRId64, valid_s);
    if (session->invocation->argument_count > 0) {
        buffer_put_text(&path, "&person=");
        http_put_escaped(&path, session_argument(session, 0));
    }
    json_t *answer = session_post(session, buffer_text(&path), NULL, "token", &code);
    buffer_free(&path);
    if (answer == NULL)
        return code;
    if (session->json)
        session_put_json(session, answer);
    else
        put_secret(session, answer);
    bool waits = json_is_true(json_object_get(answer, "waits"));
    json_decref(answer);
    return waits ? EXIT_PAUSED : EXIT_HEALTHY;
}

static void add_token(struct table *table, const json_t *token)
{
    bool is_revoked = json_is_string(json_object_get(token, "revoked_at"));
    bool is_expired = json_is_true(json_object_get(token, "is_expired"));
    bool waits = !json_is_string(json_object_get(token, "confirmed_at"));
    const char *state = is_revoked ? "revoked" : is_expired ? "expired" : waits ? "waits" : "valid";
    table_add(table, TONE_STRONG, document_text(token, "token"));
    table_add(table, TONE_PLAIN, document_text(token, "person"));
    table_add(table, strcmp(state, "valid") == 0 ? TONE_GOOD : TONE_BAD, state);
    table_add_time(table, document_text(token, "expires_at"));
    table_add_time(table, document_text(token, "last_used_at"));
    table_add(table, TONE_PLAIN, document_text(token, "last_used_from"));
    table_add(table, TONE_PLAIN, document_text(token, "created_by"));
}

int run_token_list(struct session *session)
{
    static const struct table_column columns[] = {
        {"TOKEN", false, 12, 0},    {"PERSON", false, 12, 0}, {"STATE", false, 7, 0},      {"EXPIRES", false, 0, 1},
        {"LAST USED", false, 0, 0}, {"FROM", false, 0, 2},    {"CREATED BY", false, 0, 3},
    };
    int64_t limit;
    int code;
    if (!session_limit(session, &limit, &code))
        return code;
    struct buffer path = {0};
    buffer_put_text(&path, "/v1/tokens");
    if (session->invocation->argument_count > 0) {
        buffer_put_text(&path, "?person=");
        http_put_escaped(&path, session_argument(session, 0));
    }
    const struct listing listing = {buffer_text(&path), "tokens", columns, sizeof columns / sizeof *columns,
                                    add_token,          false,    limit,   "no tokens"};
    code = session_list(session, &listing);
    buffer_free(&path);
    return code;
}

static int act(struct session *session, const char *name, const char *done)
{
    struct buffer path = {0};
    int code;
    buffer_put_text(&path, "/v1/tokens/");
    http_put_escaped(&path, session_argument(session, 0));
    buffer_format(&path, "/%s", name);
    json_t *answer = session_post(session, buffer_text(&path), NULL, "token", &code);
    buffer_free(&path);
    if (answer == NULL)
        return code;
    if (session->json)
        session_put_json(session, answer);
    else
        session_say(session, "token %s of %s is %s", document_text(answer, "token"), document_text(answer, "person"),
                    done);
    json_decref(answer);
    return EXIT_HEALTHY;
}

int run_token_revoke(struct session *session)
{
    return act(session, "revoke", "revoked: no orchestrator takes it after a second");
}

int run_token_confirm(struct session *session)
{
    return act(session, "confirm", "confirmed");
}
