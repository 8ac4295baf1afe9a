#include "orchestrator/store/sessions.h"

#include "orchestrator/store/acts.h"
#include "orchestrator/store/connection.h"
#include "orchestrator/store/people_private.h"

static enum tc_error insert(struct store *store, const struct new_session *session, const char *person,
                            char expires_at[static 32], struct tc_fault *fault)
{
    struct buffer roles = {0};
    person_roles_put(session->roles, " ", &roles);
    const struct sql_insert_session_params params = {.id = session->id,
                                                     .digest = session->digest,
                                                     .person = person,
                                                     .alias = session->alias,
                                                     .roles = buffer_text(&roles),
                                                     .address = session->address,
                                                     .valid_s = session->valid_s,
                                                     .most = SESSIONS_MAX};
    struct sql_insert_session_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_insert_session(store, &params, &rows, fault);
    if (error == TC_OK)
        copy_text(expires_at, 32, sql_insert_session_at(&rows, 0).expires_at);
    buffer_free(&roles);
    return error;
}

enum tc_error sessions_create(struct store *store, const struct new_session *session, char person[static TC_ID_SIZE],
                              char expires_at[static 32], struct tc_fault *fault)
{
    const struct sql_find_session_person_params params = {.alias = session->alias};
    struct sql_find_session_person_rows rows ROWS_AUTO = {0};
    enum tc_error error = people_begin(store, fault);
    if (error != TC_OK)
        return error;
    error = sql_find_session_person(store, &params, &rows, fault);
    if (error == TC_OK && rows.count == 0)
        error = tc_fault_set(fault, TC_NOT_FOUND, "database: nobody is linked to this alias");
    if (error == TC_OK) {
        copy_text(person, TC_ID_SIZE, sql_find_session_person_at(&rows, 0).person);
        act_set_person(acts_get(store), person);
        act_set_object(acts_get(store), "session", session->id);
        error = insert(store, session, person, expires_at, fault);
    }
    return people_end(store, error, fault);
}

enum tc_error sessions_end(struct store *store, const char *digest, struct tc_fault *fault)
{
    const struct sql_delete_session_params params = {.digest = digest};
    enum tc_error error = people_begin(store, fault);
    if (error != TC_OK)
        return error;
    return people_end(store, sql_delete_session(store, &params, fault), fault);
}
