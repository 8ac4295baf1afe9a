#include "orchestrator/store/act_scope.h"

#include "orchestrator/store/connection.h"
#include "orchestrator/store/scope.h"

static enum tc_error refuse(const struct access_scope *scope, const char *places, struct refusal *refusal,
                            struct tc_fault *fault)
{
    struct buffer roles = {0};
    access_operation_put_scoped_roles(scope->operation, &roles);
    refusal_copy(refusal->roles, sizeof refusal->roles, buffer_text(&roles));
    refusal_copy(refusal->places, sizeof refusal->places, places);
    buffer_free(&roles);
    return refusal_set(refusal, TC_DENIED, REFUSAL_OUT_OF_SCOPE, fault);
}

static enum tc_error check_rollout(struct store *store, const struct access_scope *scope, int64_t rollout,
                                   bool hides_invisible, struct refusal *refusal, struct tc_fault *fault)
{
    if (access_scope_patterns(scope) == NULL)
        return TC_OK;
    const struct sql_check_rollout_scope_params params = {.rollout = rollout, .patterns = scope->patterns};
    struct sql_check_rollout_scope_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_check_rollout_scope(store, &params, &rows, fault);
    if (error != TC_OK || rows.count == 0)
        return error;
    const struct sql_check_rollout_scope_row row = sql_check_rollout_scope_at(&rows, 0);
    if (row.places == NULL && (row.is_visible || row.is_covered))
        return TC_OK;
    if (hides_invisible && !row.is_visible)
        return tc_fault_set(fault, TC_NOT_FOUND, "database: none of its devices is in the scope");
    return refuse(scope, row.places == NULL ? "" : row.places, refusal, fault);
}

enum tc_error act_scope_check_rollout(struct store *store, const struct access_scope *scope, int64_t rollout,
                                      struct refusal *refusal, struct tc_fault *fault)
{
    return check_rollout(store, scope, rollout, false, refusal, fault);
}

enum tc_error act_scope_check_reading(struct store *store, const struct access_scope *scope, int64_t rollout,
                                      struct refusal *refusal, struct tc_fault *fault)
{
    return check_rollout(store, scope, rollout, true, refusal, fault);
}

enum tc_error act_scope_check_seen(struct store *store, const struct access_scope *scope, int64_t rollout,
                                   bool *is_seen, struct tc_fault *fault)
{
    const struct sql_why_is_visible_params params = {
        .branch = NULL, .rollout = rollout, .patterns = access_scope_patterns(scope)};
    struct sql_why_is_visible_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_why_is_visible(store, &params, &rows, fault);
    *is_seen = error == TC_OK && sql_why_is_visible_at(&rows, 0).rollout;
    return error;
}

/* ---- a plan ---- */

static enum tc_error check_selected(struct store *store, const struct access_scope *scope, const json_t *plan,
                                    struct refusal *refusal, struct tc_fault *fault)
{
    struct sql_scope selector SCOPE_AUTO = scope_of(plan);
    const struct sql_check_plan_scope_params params = {.scope = selector, .patterns = scope->patterns};
    struct sql_check_plan_scope_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_check_plan_scope(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    const char *places = sql_check_plan_scope_at(&rows, 0).places;
    return places == NULL ? TC_OK : refuse(scope, places, refusal, fault);
}

/* The rollouts that a plan touches beside its own: those that it supersedes are stopped, and the one that it rolls back
 * has no other rollback. */
static json_t *touched_by(const json_t *plan)
{
    json_t *names = json_array();
    TC_CHECK(names != NULL);
    json_t *superseded = json_object_get(json_object_get(plan, "spec"), "supersedes");
    if (superseded != NULL)
        TC_CHECK(json_array_extend(names, superseded) == 0);
    json_t *origin = json_object_get(json_object_get(plan, "metadata"), "rollbackOf");
    if (json_is_string(origin))
        TC_CHECK(json_array_append(names, origin) == 0);
    return names;
}

static enum tc_error check_touched(struct store *store, const struct access_scope *scope, const json_t *names,
                                   struct refusal *refusal, struct tc_fault *fault)
{
    struct sql_texts texts TEXTS_AUTO = texts_of(names);
    const struct sql_rollouts_named_params params = {.names = texts};
    struct sql_rollouts_named_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_rollouts_named(store, &params, &rows, fault);
    for (int i = 0; error == TC_OK && i < rows.count; i++)
        error = check_rollout(store, scope, sql_rollouts_named_at(&rows, i).id, false, refusal, fault);
    return error;
}

enum tc_error act_scope_check_plan(struct store *store, const struct access_scope *scope, const json_t *plan,
                                   struct refusal *refusal, struct tc_fault *fault)
{
    if (access_scope_patterns(scope) == NULL)
        return TC_OK;
    enum tc_error error = check_selected(store, scope, plan, refusal, fault);
    json_t *names = touched_by(plan);
    if (error == TC_OK && json_array_size(names) > 0)
        error = check_touched(store, scope, names, refusal, fault);
    json_decref(names);
    return error;
}

enum tc_error act_scope_check_places(struct store *store, const struct access_scope *scope, const char *match,
                                     struct refusal *refusal, struct tc_fault *fault)
{
    const char *patterns = access_scope_patterns(scope);
    if (patterns == NULL)
        return TC_OK;
    const struct sql_scope_is_within_params params = {.scope = match, .patterns = patterns};
    struct sql_scope_is_within_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_scope_is_within(store, &params, &rows, fault);
    if (error != TC_OK || sql_scope_is_within_at(&rows, 0).is_within)
        return error;
    return refuse(scope, sql_scope_is_within_at(&rows, 0).places, refusal, fault);
}

/* ---- the fleet ---- */

enum tc_error act_scope_check_device(struct store *store, const struct access_scope *scope, const char *device,
                                     struct refusal *refusal, struct tc_fault *fault)
{
    if (access_scope_patterns(scope) == NULL)
        return TC_OK;
    const struct sql_check_device_scope_params params = {.device = device, .patterns = scope->patterns};
    struct sql_check_device_scope_rows rows ROWS_AUTO = {0};
    enum tc_error error = sql_check_device_scope(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    const char *places = sql_check_device_scope_at(&rows, 0).places;
    return places == NULL ? TC_OK : refuse(scope, places, refusal, fault);
}

enum tc_error act_scope_check_exclusion(struct store *store, const struct access_scope *scope, const char *device,
                                        const char *match, struct refusal *refusal, struct tc_fault *fault)
{
    return device == NULL ? act_scope_check_places(store, scope, match, refusal, fault)
                          : act_scope_check_device(store, scope, device, refusal, fault);
}

enum tc_error act_scope_check_import(struct store *store, const struct access_scope *scope, struct refusal *refusal,
                                     struct tc_fault *fault)
{
    if (access_scope_patterns(scope) == NULL)
        return TC_OK;
    struct sql_raise_directory_rows raised ROWS_AUTO = {0};
    enum tc_error error = sql_raise_directory(store, &raised, fault);
    if (error != TC_OK)
        return error;
    const struct sql_check_import_scope_params params = {.patterns = scope->patterns};
    struct sql_check_import_scope_rows rows ROWS_AUTO = {0};
    error = sql_check_import_scope(store, &params, &rows, fault);
    if (error != TC_OK)
        return error;
    const char *places = sql_check_import_scope_at(&rows, 0).places;
    return places == NULL ? TC_OK : refuse(scope, places, refusal, fault);
}
