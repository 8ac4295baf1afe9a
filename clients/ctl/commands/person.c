/* People: their roles, and the other names by which endpoints know them. */
#include "clients/ctl/commands/run.h"
#include "clients/ctl/commands/scope_words.h"
#include "clients/ctl/commands/session.h"
#include "clients/ctl/screen/text.h"

#include <inttypes.h>
#include <string.h>

static void put_clean(const struct session *session, const char *text, struct buffer *out)
{
    (void)text_put_clean(out, text, 0, session->out.utf8);
}

/* ---- showing ---- */

/* "viewer, operator in region=emea"; `labels`: the name of the labels of a role in a scope. */
static void put_roles(const json_t *person, const char *labels, struct buffer *out)
{
    size_t i;
    const json_t *role;
    json_array_foreach(json_object_get(person, "roles"), i, role)
    {
        buffer_format(out, "%s%s", out->length == 0 ? "" : ", ", json_string_value(role));
    }
    json_array_foreach(json_object_get(person, "scoped_roles"), i, role)
    {
        buffer_format(out, "%s%s in ", out->length == 0 ? "" : ", ", document_text(role, "role"));
        scope_put_labels(json_object_get(role, labels), out);
    }
}

static void add_person(struct table *table, const json_t *person)
{
    struct buffer roles = {0};
    bool is_disabled = json_is_string(json_object_get(person, "disabled_at"));
    put_roles(person, "scope", &roles);
    table_add(table, TONE_STRONG, document_text(person, "person"));
    table_add(table, is_disabled ? TONE_BAD : TONE_PLAIN, is_disabled ? "disabled" : buffer_text(&roles));
    table_add_count(table, TONE_PLAIN, document_number(person, "waits"));
    table_add_time(table, document_text(person, "created_at"));
    buffer_free(&roles);
}

int run_person_list(struct session *session)
{
    static const struct table_column columns[] = {
        {"PERSON", false, 12, 0}, {"ROLES", false, 20, 0}, {"WAITS", true, 0, 1}, {"CREATED", false, 0, 2}};
    int64_t limit;
    int code;
    if (!session_limit(session, &limit, &code))
        return code;
    const struct listing listing = {"/v1/people", "people", columns, sizeof columns / sizeof *columns,
                                    add_person,   false,    limit,   "no people"};
    return session_list(session, &listing);
}

/* A line for a role, an alias or a token: what it is, and the admins who gave it. */
static void put_given(const struct session *session, const char *name, const char *what, const json_t *given,
                      const char *by, struct buffer *out)
{
    struct buffer line = {0};
    put_clean(session, what, &line);
    buffer_put_text(&line, ", by ");
    put_clean(session, document_text(given, by), &line);
    const char *confirmed_by = document_text(given, "confirmed_by");
    if (*confirmed_by == '\0') {
        buffer_put_text(&line, ": waits for another admin");
    } else if (strcmp(confirmed_by, document_text(given, by)) != 0) {
        buffer_put_text(&line, " and ");
        put_clean(session, confirmed_by, &line);
    }
    session_put_fact(session, name, buffer_text(&line), out);
    buffer_free(&line);
}

static void put_person(const struct session *session, const json_t *person)
{
    struct buffer out = {0};
    size_t i;
    const json_t *one;
    session_put_heading(session, document_text(person, "person"), &out);
    session_put_fact(session, "disabled by", document_text(person, "disabled_by"), &out);
    json_array_foreach(json_object_get(person, "roles"), i, one)
    {
        struct buffer role = {0};
        buffer_put_text(&role, document_text(one, "role"));
        if (json_is_object(json_object_get(one, "scope"))) {
            buffer_put_text(&role, " in ");
            scope_put_labels(json_object_get(one, "scope"), &role);
        }
        put_given(session, "role", buffer_text(&role), one, "granted_by", &out);
        buffer_free(&role);
    }
    json_array_foreach(json_object_get(person, "aliases"), i, one)
    {
        struct buffer alias = {0};
        buffer_format(&alias, "%s %s", document_text(one, "kind"), document_text(one, "value"));
        put_given(session, "alias", buffer_text(&alias), one, "linked_by", &out);
        buffer_free(&alias);
    }
    json_array_foreach(json_object_get(person, "tokens"), i, one)
    {
        put_given(session, "token", document_text(one, "token"), one, "created_by", &out);
    }
    session_put(&out);
    buffer_free(&out);
}

static void put_self(const struct session *session, const json_t *self)
{
    struct buffer out = {0}, roles = {0}, clean = {0};
    put_roles(self, "labels", &roles);
    put_clean(session, buffer_text(&roles), &clean);
    session_put_heading(session, document_text(self, "person"), &out);
    session_put_fact(session, "roles", clean.length == 0 ? "none" : buffer_text(&clean), &out);
    buffer_free(&clean);
    session_put_fact(session, "known by", document_text(self, "credential"), &out);
    session_put(&out);
    buffer_free(&roles);
    buffer_free(&out);
}

int run_person_show(struct session *session)
{
    bool is_self = session->invocation->argument_count == 0;
    struct buffer path = {0}, subject = {0};
    int code;
    buffer_put_text(&path, is_self ? "/v1/me" : "/v1/people/");
    if (!is_self)
        http_put_escaped(&path, session_argument(session, 0));
    buffer_format(&subject, "person %s", is_self ? "" : session_argument(session, 0));
    json_t *document = session_get(session, buffer_text(&path), buffer_text(&subject), &code);
    buffer_free(&subject);
    buffer_free(&path);
    if (document == NULL)
        return code;
    if (session->json)
        session_put_json(session, document);
    else if (is_self)
        put_self(session, document);
    else
        put_person(session, document);
    json_decref(document);
    return EXIT_HEALTHY;
}

/* ---- acts ---- */

/* Sends an act. `done` says what it did. An act that waits for another admin is not done, and the exit code says so. */
static int send_act(struct session *session, const char *path, const char *done)
{
    int code;
    struct buffer subject = {0};
    buffer_put_text(&subject, "person ");
    put_clean(session, session_argument(session, 0), &subject);
    json_t *answer = session_post(session, path, NULL, buffer_text(&subject), &code);
    buffer_free(&subject);
    if (answer == NULL)
        return code;
    bool waits = json_is_true(json_object_get(answer, "waits"));
    if (session->json)
        session_put_json(session, answer);
    else if (waits)
        session_say(session, "%s: waits for another admin, who gives the same command",
                    document_text(answer, "person"));
    else
        session_say(session, "%s: %s", document_text(answer, "person"), done);
    json_decref(answer);
    return waits ? EXIT_PAUSED : EXIT_HEALTHY;
}

int run_person_create(struct session *session)
{
    struct buffer path = {0};
    buffer_put_text(&path, "/v1/people?name=");
    http_put_escaped(&path, session_argument(session, 0));
    int code = send_act(session, buffer_text(&path), "created; it has no role yet: tellercast person grant");
    buffer_free(&path);
    return code;
}

static const char *const no_parameters[] = {NULL}, *const of_role[] = {"role", NULL},
                         *const of_alias[] = {"kind", "alias", NULL};

/* Sends an act on the person that the first argument names; the names of the query's parameters are those of the
 * further arguments. */
static int act(struct session *session, const char *name, const char *const *parameters, const char *done)
{
    struct buffer path = {0};
    buffer_put_text(&path, "/v1/people/");
    http_put_escaped(&path, session_argument(session, 0));
    buffer_format(&path, "/%s", name);
    for (size_t i = 0; parameters[i] != NULL; i++) {
        buffer_format(&path, "%c%s=", i == 0 ? '?' : '&', parameters[i]);
        http_put_escaped(&path, session_argument(session, i + 1));
    }
    if (parameters == of_role && session_option(session, "match") != NULL) {
        buffer_put_text(&path, "&match=");
        http_put_escaped(&path, session_option(session, "match"));
    }
    int code = send_act(session, buffer_text(&path), done);
    buffer_free(&path);
    return code;
}

int run_person_disable(struct session *session)
{
    return act(session, "disable", no_parameters, "disabled: its tokens are revoked and its roles withdrawn");
}

int run_person_enable(struct session *session)
{
    return act(session, "enable", no_parameters, "enabled; it has no role yet: tellercast person grant");
}

int run_person_grant(struct session *session)
{
    return act(session, "grant", of_role, "has the role");
}

int run_person_withdraw(struct session *session)
{
    return act(session, "withdraw", of_role, "no longer has the role");
}

int run_person_link(struct session *session)
{
    return act(session, "link", of_alias, "is known by the alias");
}

int run_person_unlink(struct session *session)
{
    return act(session, "unlink", of_alias, "is no longer known by the alias");
}
