/* Acts on people. Each is a transaction that begins with raise_people, so that one sees what the one before did. */
#include "orchestrator/store/people.h"

#include "orchestrator/rollout/words.h"
#include "orchestrator/store/actor.h"
#include "orchestrator/store/acts.h"
#include "orchestrator/store/connection.h"
#include "orchestrator/store/people_private.h"

#include <string.h>

static const char everywhere[] = "{}";

enum tc_error people_begin(struct store *store, struct tc_fault *fault)
{
    enum tc_error error = acts_begin(store, fault);
    if (error != TC_OK)
        return error;
    struct sql_raise_people_rows rows ROWS_AUTO = {0};
    error = sql_raise_people(store, &rows, fault);
    if (error == TC_OK)
        error = actor_decide(store, acts_get(store), sql_raise_people_at(&rows, 0).before, fault);
    return error == TC_OK ? TC_OK : store_rollback(store, error);
}

enum tc_error people_end(struct store *store, enum tc_error error, struct tc_fault *fault)
{
    return acts_end(store, error, fault);
}

enum tc_error people_find(struct store *store, const char *person, struct person_facts *facts, struct tc_fault *fault)
{
    const struct sql_find_person_params params = {.name = person};
    struct sql_find_person_rows rows ROWS_AUTO = {0};
    *facts = (struct person_facts){0};
    enum tc_error error = sql_find_person(store, &params, &rows, fault);
    if (error != TC_OK || rows.count == 0)
        return error;
    const struct sql_find_person_row row = sql_find_person_at(&rows, 0);
    facts->is_there = true;
    facts->is_disabled = row.is_disabled;
    facts->may_approve = row.may_approve;
    facts->own_name_waits = row.own_name_waits;
    facts->live_tokens = row.live_tokens;
    facts->made_today = row.made_today;
    copy_text(facts->own_name_by, sizeof facts->own_name_by, row.own_name_by);
    return TC_OK;
}

enum tc_error people_need(struct store *store, const char *person, struct person_facts *facts, struct refusal *refusal,
                          struct tc_fault *fault)
{
    enum tc_error error = people_find(store, person, facts, fault);
    if (error == TC_OK && !facts->is_there)
        return refusal_set(refusal, TC_NOT_FOUND, REFUSAL_NO_PERSON, fault);
    if (error == TC_OK && facts->is_disabled)
        return refusal_set(refusal, TC_CONFLICT, REFUSAL_PERSON_DISABLED, fault);
    return error;
}

/* Begins an act: sets the facts that all refusals share. */
static enum tc_error begin(struct store *store, const struct person_act *act, bool *waits, struct refusal *refusal,
                           struct tc_fault *fault)
{
    *refusal = (struct refusal){.reason = REFUSAL_NONE};
    *waits = false;
    act_set_object(acts_get(store), "person", act->person);
    act_set_details(acts_get(store), "role", act->role == PERSON_ROLE_COUNT ? "" : person_role_name(act->role), "kind",
                    act->alias == NULL ? "" : alias_kind_name(act->kind), "alias", act->alias);
    refusal_copy(refusal->who, sizeof refusal->who, act->person);
    refusal_copy(refusal->actor, sizeof refusal->actor, act->actor);
    if (strcmp(act->actor, ACTOR_TELLERCAST) == 0)
        return refusal_set(refusal, TC_DENIED, REFUSAL_OWN_NAME, fault);
    return people_begin(store, fault);
}

static enum tc_error end(struct store *store, enum tc_error error, const struct person_act *act, struct buffer *json,
                         struct tc_fault *fault)
{
    if (error == TC_OK)
        error = people_show(store, act->person, json, fault);
    return people_end(store, error, fault);
}

/* ---- creating and disabling ---- */

static enum tc_error put_alias(struct store *store, enum alias_kind kind, const char *alias, const char *person,
                               const char *actor, bool is_confirmed, struct tc_fault *fault)
{
    const struct sql_put_alias_params params = {
        .kind = alias_kind_name(kind), .value = alias, .person = person, .actor = actor, .is_confirmed = is_confirmed};
    return sql_put_alias(store, &params, fault);
}

/* Refuses a name that is another person's as an author. */
static enum tc_error check_name(struct store *store, const char *person, struct refusal *refusal,
                                struct tc_fault *fault)
{
    if (strcmp(person, ACTOR_TELLERCAST) == 0 || strcmp(person, ACTOR_LOOPBACK) == 0)
        return refusal_set(refusal, TC_CONFLICT, REFUSAL_RESERVED_NAME, fault);
    const struct sql_find_alias_params params = {.kind = alias_kind_name(ALIAS_AUTHOR), .value = person};
    struct sql_find_alias_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_find_alias(store, &params, &rows, fault);
    if (error != TC_OK || rows.count == 0)
        return error;
    refusal_copy(refusal->name, sizeof refusal->name, person);
    refusal_copy(refusal->who, sizeof refusal->who, sql_find_alias_at(&rows, 0).person);
    return refusal_set(refusal, TC_CONFLICT, REFUSAL_NAME_IS_ALIAS, fault);
}

enum tc_error people_insert(struct store *store, const char *person, const char *actor, bool is_confirmed,
                            struct refusal *refusal, struct tc_fault *fault)
{
    const struct sql_insert_person_params params = {.name = person, .actor = actor};
    enum tc_error error = check_name(store, person, refusal, fault);
    if (error == TC_OK)
        error = sql_insert_person(store, &params, fault);
    return error == TC_OK ? put_alias(store, ALIAS_AUTHOR, person, person, actor, is_confirmed, fault) : error;
}

/* A name that acted before there were people may be another person's: two admins must agree whose it is. */
static enum tc_error create(struct store *store, const struct person_act *act, bool *waits, struct refusal *refusal,
                            struct tc_fault *fault)
{
    const struct sql_name_has_acted_params params = {.name = act->person};
    struct sql_name_has_acted_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_name_has_acted(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    *waits = sql_name_has_acted_at(&rows, 0).has_acted;
    return people_insert(store, act->person, act->actor, !*waits, refusal, fault);
}

enum tc_error people_create(struct store *store, const struct person_act *act, struct buffer *json, bool *waits,
                            struct refusal *refusal, struct tc_fault *fault)
{
    struct person_facts facts = {0};
    enum tc_error error = begin(store, act, waits, refusal, fault);
    if (error != TC_OK)
        return error;
    error = people_find(store, act->person, &facts, fault);
    if (error == TC_OK && !facts.is_there)
        error = create(store, act, waits, refusal, fault);
    else if (error == TC_OK && !facts.own_name_waits)
        error = refusal_set(refusal, TC_CONFLICT, REFUSAL_PERSON_EXISTS, fault);
    else if (error == TC_OK && strcmp(facts.own_name_by, act->actor) != 0)
        error = put_alias(store, ALIAS_AUTHOR, act->person, act->person, act->actor, true, fault);
    else
        *waits = true;
    return end(store, error, act, json, fault);
}

/* Keeps the last admin. */
static enum tc_error check_admins(struct store *store, const struct person_act *act, struct refusal *refusal,
                                  struct tc_fault *fault)
{
    const struct sql_find_role_params role = {
        .person = act->person, .role = person_role_name(PERSON_ADMIN), .scope = everywhere};
    struct sql_find_role_rows found ROWS_AUTO = {0};
    enum tc_error error = sql_find_role(store, &role, &found, fault);
    if (error != TC_OK || found.count == 0 || !sql_find_role_at(&found, 0).is_confirmed)
        return error;
    const struct sql_count_admins_params params = {.besides = act->person};
    struct sql_count_admins_rows rows ROWS_AUTO = {0};
    error = sql_count_admins(store, &params, &rows, fault);
    if (error == TC_OK && sql_count_admins_at(&rows, 0).admins == 0)
        return refusal_set(refusal, TC_CONFLICT, REFUSAL_LAST_ADMIN, fault);
    return error;
}

static enum tc_error drop_unconfirmed(struct store *store, const struct person_act *act, struct tc_fault *fault)
{
    const struct sql_drop_unconfirmed_params params = {.admin = act->person};
    return sql_drop_unconfirmed(store, &params, fault);
}

enum tc_error people_disable(struct store *store, const struct person_act *act, struct buffer *json, bool *waits,
                             struct refusal *refusal, struct tc_fault *fault)
{
    struct person_facts facts = {0};
    enum tc_error error = begin(store, act, waits, refusal, fault);
    if (error != TC_OK)
        return error;
    const struct sql_disable_person_params params = {.name = act->person, .actor = act->actor};
    error = people_need(store, act->person, &facts, refusal, fault);
    if (error == TC_OK)
        error = check_admins(store, act, refusal, fault);
    if (error == TC_OK)
        error = sql_disable_person(store, &params, fault);
    if (error == TC_OK)
        error = drop_unconfirmed(store, act, fault);
    return end(store, error, act, json, fault);
}

enum tc_error people_enable(struct store *store, const struct person_act *act, struct buffer *json, bool *waits,
                            struct refusal *refusal, struct tc_fault *fault)
{
    struct person_facts facts = {0};
    enum tc_error error = begin(store, act, waits, refusal, fault);
    if (error != TC_OK)
        return error;
    const struct sql_enable_person_params params = {.name = act->person};
    error = people_find(store, act->person, &facts, fault);
    if (error == TC_OK && !facts.is_there)
        error = refusal_set(refusal, TC_NOT_FOUND, REFUSAL_NO_PERSON, fault);
    else if (error == TC_OK && !facts.is_disabled)
        error = refusal_set(refusal, TC_CONFLICT, REFUSAL_PERSON_ENABLED, fault);
    else if (error == TC_OK)
        error = sql_enable_person(store, &params, fault);
    return end(store, error, act, json, fault);
}

/* ---- roles ---- */

enum tc_error people_void_given_alone(struct store *store, const char *person, const char *actor,
                                      struct tc_fault *fault)
{
    const struct sql_void_given_alone_params params = {.person = person, .actor = actor};
    return sql_void_given_alone(store, &params, fault);
}

/* Ends the wider grants of the role. */
static enum tc_error narrow(struct store *store, const struct person_act *act, bool is_admin_everywhere,
                            struct refusal *refusal, struct tc_fault *fault)
{
    const struct sql_narrow_role_params params = {
        .person = act->person, .role = person_role_name(act->role), .scope = act->scope};
    enum tc_error error = is_admin_everywhere ? check_admins(store, act, refusal, fault) : TC_OK;
    if (error == TC_OK)
        error = sql_narrow_role(store, &params, fault);
    return error == TC_OK && is_admin_everywhere ? drop_unconfirmed(store, act, fault) : error;
}

/* Orchestrators keep the roles of a person in a bounded space. */
static enum tc_error check_size(struct store *store, const struct person_act *act, struct refusal *refusal,
                                struct tc_fault *fault)
{
    const struct sql_measure_scopes_params params = {.person = act->person};
    struct sql_measure_scopes_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_measure_scopes(store, &params, &rows, fault);
    if (error == TC_OK && sql_measure_scopes_at(&rows, 0).bytes >= SUBJECT_SCOPES_SIZE)
        return refusal_set(refusal, TC_CONFLICT, REFUSAL_TOO_MANY_SCOPES, fault);
    return error;
}

/* Narrowing takes one admin: it gives nothing. */
static enum tc_error grant(struct store *store, const struct person_act *act, bool *waits, struct refusal *refusal,
                           struct tc_fault *fault)
{
    bool takes_two = person_role_takes_two(act->role);
    const struct sql_find_grant_params find = {
        .person = act->person, .role = person_role_name(act->role), .scope = act->scope};
    struct sql_find_grant_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_find_grant(store, &find, &rows, fault);
    if (error != TC_OK)
        return error;
    const struct sql_find_grant_row row = sql_find_grant_at(&rows, 0);
    bool is_there = row.granted_by != NULL;
    if (row.is_confirmed && !row.is_covered)
        return TC_OK;
    *waits = !row.is_covered && (is_there ? strcmp(row.granted_by, act->actor) == 0 : takes_two);
    if (is_there && *waits)
        return TC_OK;
    if (takes_two && !*waits && !row.is_covered)
        error = people_void_given_alone(store, act->person, act->actor, fault);
    if (error == TC_OK && row.is_covered)
        error = narrow(store, act, row.is_admin_everywhere, refusal, fault);
    if (error != TC_OK)
        return error;
    const struct sql_put_role_params params = {.person = act->person,
                                               .role = person_role_name(act->role),
                                               .scope = act->scope,
                                               .actor = act->actor,
                                               .is_confirmed = !*waits};
    error = sql_put_role(store, &params, fault);
    return error == TC_OK ? check_size(store, act, refusal, fault) : error;
}

enum tc_error people_grant(struct store *store, const struct person_act *act, struct buffer *json, bool *waits,
                           struct refusal *refusal, struct tc_fault *fault)
{
    struct person_facts facts = {0};
    enum tc_error error = begin(store, act, waits, refusal, fault);
    if (error != TC_OK)
        return error;
    error = people_need(store, act->person, &facts, refusal, fault);
    if (error == TC_OK)
        error = grant(store, act, waits, refusal, fault);
    return end(store, error, act, json, fault);
}

static enum tc_error withdraw(struct store *store, const struct person_act *act, struct refusal *refusal,
                              struct tc_fault *fault)
{
    const char *role = person_role_name(act->role);
    const struct sql_find_role_params find = {.person = act->person, .role = role, .scope = act->scope};
    bool is_admin = act->role == PERSON_ADMIN && (act->scope == NULL || strcmp(act->scope, everywhere) == 0);
    struct sql_find_role_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_find_role(store, &find, &rows, fault);
    if (error == TC_OK && rows.count == 0) {
        refusal_copy(refusal->name, sizeof refusal->name, role);
        return refusal_set(refusal, TC_CONFLICT, REFUSAL_NO_ROLE, fault);
    }
    const struct sql_delete_role_params params = {.person = act->person, .role = role, .scope = act->scope};
    if (error == TC_OK && is_admin)
        error = check_admins(store, act, refusal, fault);
    if (error == TC_OK)
        error = sql_delete_role(store, &params, fault);
    if (error == TC_OK && is_admin)
        error = drop_unconfirmed(store, act, fault);
    return error;
}

enum tc_error people_withdraw(struct store *store, const struct person_act *act, struct buffer *json, bool *waits,
                              struct refusal *refusal, struct tc_fault *fault)
{
    struct person_facts facts = {0};
    enum tc_error error = begin(store, act, waits, refusal, fault);
    if (error != TC_OK)
        return error;
    error = people_need(store, act->person, &facts, refusal, fault);
    if (error == TC_OK)
        error = withdraw(store, act, refusal, fault);
    return end(store, error, act, json, fault);
}

/* ---- aliases ---- */

static enum tc_error refuse_alias(const struct person_act *act, const char *owner, enum refusal_reason reason,
                                  struct refusal *refusal, struct tc_fault *fault)
{
    refusal_copy(refusal->name, sizeof refusal->name, act->alias);
    refusal_copy(refusal->who, sizeof refusal->who, owner);
    return refusal_set(refusal, TC_CONFLICT, reason, fault);
}

/* Whose name is in the record decides who may approve, so an author's name takes two admins for every person; and so
 * does somebody at the identity provider, whose groups may let them approve. */
static enum tc_error link(struct store *store, const struct person_act *act, const struct person_facts *facts,
                          bool *waits, struct refusal *refusal, struct tc_fault *fault)
{
    const struct sql_find_alias_params find = {.kind = alias_kind_name(act->kind), .value = act->alias};
    struct sql_find_alias_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_find_alias(store, &find, &rows, fault);
    if (error != TC_OK)
        return error;
    *waits = facts->may_approve || act->kind == ALIAS_AUTHOR || act->kind == ALIAS_OIDC;
    if (rows.count > 0) {
        const struct sql_find_alias_row row = sql_find_alias_at(&rows, 0);
        if (strcmp(row.person, act->person) != 0)
            return refuse_alias(act, row.person, REFUSAL_ALIAS_TAKEN, refusal, fault);
        *waits = !row.is_confirmed && strcmp(row.linked_by, act->actor) == 0;
        if (row.is_confirmed || *waits)
            return TC_OK;
    }
    if (act->kind == ALIAS_AUTHOR &&
        (strcmp(act->alias, ACTOR_TELLERCAST) == 0 || strcmp(act->alias, ACTOR_LOOPBACK) == 0))
        return refuse_alias(act, act->alias, REFUSAL_RESERVED_NAME, refusal, fault);
    return put_alias(store, act->kind, act->alias, act->person, act->actor, !*waits, fault);
}

enum tc_error people_link(struct store *store, const struct person_act *act, struct buffer *json, bool *waits,
                          struct refusal *refusal, struct tc_fault *fault)
{
    struct person_facts facts = {0};
    enum tc_error error = begin(store, act, waits, refusal, fault);
    if (error != TC_OK)
        return error;
    error = people_need(store, act->person, &facts, refusal, fault);
    if (error == TC_OK)
        error = link(store, act, &facts, waits, refusal, fault);
    return end(store, error, act, json, fault);
}

static enum tc_error unlink(struct store *store, const struct person_act *act, struct refusal *refusal,
                            struct tc_fault *fault)
{
    const struct sql_find_alias_params find = {.kind = alias_kind_name(act->kind), .value = act->alias};
    struct sql_find_alias_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_find_alias(store, &find, &rows, fault);
    if (error != TC_OK)
        return error;
    if (rows.count == 0 || strcmp(sql_find_alias_at(&rows, 0).person, act->person) != 0)
        return refuse_alias(act, act->person, REFUSAL_NO_ALIAS, refusal, fault);
    if (act->kind == ALIAS_AUTHOR && (sql_find_alias_at(&rows, 0).is_confirmed || strcmp(act->alias, act->person) == 0))
        return refuse_alias(act, act->person, REFUSAL_AUTHOR_STAYS, refusal, fault);
    const struct sql_delete_alias_params params = {.kind = alias_kind_name(act->kind), .value = act->alias};
    return sql_delete_alias(store, &params, fault);
}

enum tc_error people_unlink(struct store *store, const struct person_act *act, struct buffer *json, bool *waits,
                            struct refusal *refusal, struct tc_fault *fault)
{
    struct person_facts facts = {0};
    enum tc_error error = begin(store, act, waits, refusal, fault);
    if (error != TC_OK)
        return error;
    error = people_find(store, act->person, &facts, fault);
    if (error == TC_OK && !facts.is_there)
        error = refusal_set(refusal, TC_NOT_FOUND, REFUSAL_NO_PERSON, fault);
    if (error == TC_OK)
        error = unlink(store, act, refusal, fault);
    return end(store, error, act, json, fault);
}
