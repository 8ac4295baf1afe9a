#include "orchestrator/store/actor.h"

#include "orchestrator/store/connection.h"

#include <stdio.h>
#include <string.h>

static enum tc_error refuse_credential(struct act *act, const char *kind, const char *id, struct tc_fault *fault)
{
    enum alias_kind alias;
    bool is_alias = alias_kind_parse(kind, &alias);
    act->standing = is_alias ? ACTOR_ALIAS_IS_GONE : ACTOR_TOKEN_IS_GONE;
    return is_alias ? alias_refuse(alias, id, fault) : tc_fault_set(fault, TC_DENIED, "%s", TOKEN_NEEDED);
}

/* Reads who has the credential of the act now. */
static enum tc_error read_subject(struct store *store, struct act *act, struct subject *subject, struct tc_fault *fault)
{
    char kind[sizeof act->subject.credential];
    (void)snprintf(kind, sizeof kind, "%s", act->subject.credential);
    char *space = strchr(kind, ' ');
    TC_CHECK(space != NULL);
    *space = '\0';
    const struct sql_read_actor_params params = {.kind = kind, .id = space + 1};
    struct sql_read_actor_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_read_actor(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    if (rows.count == 0)
        return refuse_credential(act, kind, params.id, fault);
    const struct sql_read_actor_row row = sql_read_actor_at(&rows, 0);
    if (strcmp(row.person, act->subject.name) != 0)
        return access_refuse_changed(&act->subject, fault);
    *subject = act->subject;
    subject->roles = person_roles_parse(row.roles) | act->subject.given_roles;
    subject_set_scopes(subject, row.scopes);
    return TC_OK;
}

/* Decides on one operation. What the transaction did was checked against the scopes of before, so those must still be
 * the same, or none. */
static enum tc_error decide_on(struct act *act, enum access_operation operation, const struct subject *now,
                               struct tc_fault *fault)
{
    struct access_scope before, after;
    enum tc_error error = access_decide(now, operation, &after, fault);
    if (error != TC_OK) {
        act->standing = ACTOR_MAY_NOT;
        return error;
    }
    if (access_decide(&act->subject, operation, &before, fault) != TC_OK)
        return access_refuse_changed(&act->subject, fault);
    bool is_same = after.patterns[0] == '\0' || strcmp(before.patterns, after.patterns) == 0;
    return is_same ? TC_OK : access_refuse_changed(&act->subject, fault);
}

enum tc_error actor_decide(struct store *store, struct act *act, int64_t version, struct tc_fault *fault)
{
    enum tc_error error = TC_OK;
    act->standing = ACTOR_MAY;
    if (act->subject.kind == SUBJECT_PERSON && act->subject.version != version) {
        struct subject now;
        error = read_subject(store, act, &now, fault);
        for (enum access_operation i = 0; error == TC_OK && i < ACCESS_OPERATION_COUNT; i++) {
            if ((act->decided & UINT64_C(1) << i) != 0)
                error = decide_on(act, i, &now, fault);
        }
    }
    act->is_decided = error == TC_OK;
    return error;
}

enum tc_error actor_decide_locked(struct store *store, struct act *act, struct tc_fault *fault)
{
    if (act->subject.kind != SUBJECT_PERSON)
        return TC_OK;
    struct sql_lock_people_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_lock_people(store, &rows, fault);
    return error == TC_OK ? actor_decide(store, act, sql_lock_people_at(&rows, 0).version, fault) : error;
}
