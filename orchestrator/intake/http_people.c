/* People, their roles and their other names. */
#include "base/log.h"
#include "config/scope_text.h"
#include "orchestrator/intake/http_request.h"
#include "orchestrator/people/people.h"
#include "orchestrator/store/people.h"
#include "orchestrator/wording/refusal_words.h"
#include "topics/json_text.h"

#include <string.h>

static bool is_name(const char *text)
{
    return text != NULL && name_is_valid(text, strlen(text));
}

/* ---- reading ---- */

static void show(struct http_request *request, const char *person)
{
    struct buffer json = {0};
    struct tc_fault fault;
    struct store *store = store_pool_take(request->http->config.stores);
    enum tc_error error = http_name_missing(people_show(store, person, &json, &fault), &fault);
    store_pool_give(request->http->config.stores, store);
    http_answer_document(request, error, &json, &fault);
}

/* The lines of subject->scopes: a role, and the labels as JSON. */
static void put_scoped_roles(const struct subject *subject, struct buffer *json)
{
    for (const char *line = subject->scopes; *line != '\0';) {
        size_t length = strcspn(line, "\n"), role = strcspn(line, " ");
        TC_CHECK(role < length);
        buffer_format(json, "%s{\"role\":\"%.*s\",\"labels\":%.*s}", line == subject->scopes ? "" : ",", (int)role,
                      line, (int)(length - role - 1), line + role + 1);
        line += length + (line[length] == '\n');
    }
}

/* Who one is; the roles of `loopback` are no rows. */
void person_show_self(struct http_request *request)
{
    const struct subject *subject = &request->subject;
    struct buffer json = {0}, roles = {0};
    buffer_put_text(&json, "{\"person\":");
    json_text_put(&json, subject->name);
    buffer_put_text(&json, ",\"credential\":");
    json_text_put(&json, subject->credential);
    person_roles_put(subject->roles, "\",\"", &roles);
    buffer_format(&json, ",\"roles\":[%s%s%s],\"scoped_roles\":[", roles.length == 0 ? "" : "\"", buffer_text(&roles),
                  roles.length == 0 ? "" : "\"");
    put_scoped_roles(subject, &json);
    buffer_put_text(&json, "]}");
    buffer_free(&roles);
    http_answer_json(request, 200, &json);
}

void people_page(struct http_request *request)
{
    struct buffer json = {0};
    struct tc_fault fault;
    int limit;
    const char *after = http_target_text(&request->target, "after");
    enum tc_error error = http_read_page(request, NULL, &limit, &fault);
    if (error == TC_OK && after != NULL && !is_name(after))
        error = tc_fault_set(&fault, TC_INVALID, "after: must be the `next` of the previous page");
    if (error == TC_OK) {
        struct store *store = store_pool_take(request->http->config.stores);
        error = people_list(store, after == NULL ? "" : after, limit, &json, &fault);
        store_pool_give(request->http->config.stores, store);
    }
    http_answer_document(request, error, &json, &fault);
}

void person_show(struct http_request *request)
{
    show(request, request->variable);
}

/* ---- acts ---- */

static void carry_out(struct http_request *request, act_on_person *act_on, const struct person_act *act,
                      const char *event)
{
    struct buffer json = {0};
    struct refusal refusal;
    struct tc_fault fault;
    bool waits = false;
    struct store *store = http_act_take_store(request);
    enum tc_error error = act_on(store, act, &json, &waits, &refusal, &fault);
    store_pool_give(request->http->config.stores, store);
    if (error != TC_OK) {
        refusal_put_words(&refusal, &fault);
    } else {
        people_await_reading(request->http->config.people);
        LOG_WARNING(event, F_STR("person", act->person), F_STR("actor", act->actor),
                    F_STR("role", act->role == PERSON_ROLE_COUNT ? "" : person_role_name(act->role)),
                    F_STR("scope", act->scope == NULL ? "" : act->scope),
                    F_STR("kind", act->alias == NULL ? "" : alias_kind_name(act->kind)), F_STR("alias", act->alias),
                    F_STR("waits", waits ? "yes" : "no"));
        TC_CHECK(json.length > 0 && json.bytes[json.length - 1] == '}');
        json.bytes[--json.length] = '\0';
        buffer_format(&json, ",\"waits\":%s}", waits ? "true" : "false");
    }
    http_answer_document(request, error, &json, &fault);
}

/* An act on the person that the path names. */
static struct person_act begin(const struct http_request *request)
{
    return (struct person_act){
        .person = request->variable, .actor = request->subject.name, .role = PERSON_ROLE_COUNT, .alias = NULL};
}

void person_create(struct http_request *request)
{
    struct person_act act = begin(request);
    act.person = http_target_text(&request->target, "name");
    if (is_name(act.person))
        carry_out(request, people_create, &act, "person.created");
    else
        http_answer_problem(request, 400, "name: must be 1 to 64 of A-Z a-z 0-9 _ - . : +");
}

void person_disable(struct http_request *request)
{
    const struct person_act act = begin(request);
    carry_out(request, people_disable, &act, "person.disabled");
}

void person_enable(struct http_request *request)
{
    const struct person_act act = begin(request);
    carry_out(request, people_enable, &act, "person.enabled");
}

static void refuse_role(struct http_request *request)
{
    struct buffer roles = {0};
    person_roles_put(~0U, ", ", &roles);
    http_answer_problem(request, 400, "role: allowed: %s", buffer_text(&roles));
    buffer_free(&roles);
}

/* `otherwise`: the scope of an act without one. */
static void act_on_role(struct http_request *request, act_on_person *act_on, const char *otherwise, const char *event)
{
    struct person_act act = begin(request);
    struct buffer scope = {0};
    struct tc_fault fault;
    const char *role = http_target_text(&request->target, "role"), *match = http_target_text(&request->target, "match");
    if (role == NULL || !person_role_parse(role, &act.role)) {
        refuse_role(request);
        return;
    }
    if (match != NULL && scope_text_parse(match, &scope, &fault) != TC_OK) {
        http_answer_fault(request, &fault);
    } else {
        act.scope = match == NULL ? otherwise : buffer_text(&scope);
        carry_out(request, act_on, &act, event);
    }
    buffer_free(&scope);
}

void person_grant(struct http_request *request)
{
    act_on_role(request, people_grant, "{}", "person.role_granted");
}

void person_withdraw(struct http_request *request)
{
    act_on_role(request, people_withdraw, NULL, "person.role_withdrawn");
}

static void act_on_alias(struct http_request *request, act_on_person *act_on, const char *event)
{
    struct person_act act = begin(request);
    const char *kind = http_target_text(&request->target, "kind");
    act.alias = http_target_text(&request->target, "alias");
    if (kind == NULL || !alias_kind_parse(kind, &act.kind))
        http_answer_problem(request, 400, "kind: allowed: unix_user, certificate, mqtt_user, oidc, author");
    else if (act.alias == NULL || !alias_value_is_valid(act.kind, act.alias))
        http_answer_problem(request, 400, "alias: must be %s", alias_value_words(act.kind));
    else
        carry_out(request, act_on, &act, event);
}

void person_link(struct http_request *request)
{
    act_on_alias(request, people_link, "person.alias_linked");
}

void person_unlink(struct http_request *request)
{
    act_on_alias(request, people_unlink, "person.alias_unlinked");
}
