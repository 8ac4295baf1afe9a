#include "orchestrator/store/scope.h"

#include <stdlib.h>

json_t *plan_at(const json_t *plan, const char *part, const char *key)
{
    return json_object_get(json_object_get(json_object_get(plan, "spec"), part), key);
}

struct sql_texts texts_of(const json_t *texts)
{
    size_t count = json_array_size(texts);
    const char **values = calloc(count + 1, sizeof *values);
    TC_CHECK(values != NULL);
    for (size_t i = 0; i < count; i++)
        values[i] = json_string_value(json_array_get(texts, i));
    return (struct sql_texts){values, count};
}

void sql_texts_free(struct sql_texts *texts)
{
    free((void *)texts->values);
    *texts = (struct sql_texts){0};
}

char *json_text_of(const json_t *value)
{
    char *text = value == NULL ? NULL : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    TC_CHECK(value == NULL || text != NULL);
    return text;
}

/* Selects the devices that completed this rollout, or that it took out of service. */
static char *origin_of(const json_t *plan)
{
    json_t *origin = json_object();
    static const char *const keys[] = {"completedIn", "outOfService"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        json_t *value = plan_at(plan, "selector", keys[i]);
        if (value != NULL)
            TC_CHECK(json_object_set(origin, keys[i], value) == 0);
    }
    char *text = json_text_of(origin);
    json_decref(origin);
    return text;
}

struct sql_scope scope_of(const json_t *plan)
{
    const json_t *artifact = json_object_get(json_object_get(plan, "spec"), "artifact");
    const char *name = json_string_value(json_object_get(artifact, "name"));
    return (struct sql_scope){
        .named_branches = texts_of(plan_at(plan, "selector", "branches")),
        .named_devices = texts_of(plan_at(plan, "selector", "devices")),
        .match_labels = json_text_of(plan_at(plan, "selector", "matchLabels")),
        .match_expressions = json_text_of(plan_at(plan, "selector", "matchExpressions")),
        .artifact = name == NULL ? "" : name,
        .from_versions = texts_of(json_object_get(artifact, "fromVersions")),
        .origin = origin_of(plan),
    };
}

void scope_free(struct sql_scope *scope)
{
    sql_texts_free(&scope->named_branches);
    sql_texts_free(&scope->named_devices);
    sql_texts_free(&scope->from_versions);
    free((void *)scope->match_labels);
    free((void *)scope->match_expressions);
    free((void *)scope->origin);
    *scope = (struct sql_scope){0};
}

struct sql_members members_of(const json_t *plan, int64_t seed, int64_t devices)
{
    return (struct sql_members){
        .scope = scope_of(plan),
        .groups = json_text_of(json_object_get(json_object_get(plan, "spec"), "groups")),
        .seed = seed,
        .devices_in_scope = devices,
    };
}

void members_free(struct sql_members *members)
{
    scope_free(&members->scope);
    free((void *)members->groups);
    *members = (struct sql_members){0};
}
