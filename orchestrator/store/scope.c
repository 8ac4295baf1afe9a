#include "orchestrator/store/scope.h"

#include "base/fault.h"

#include <stdlib.h>

json_t *plan_at(const json_t *plan, const char *part, const char *key)
{
    return json_object_get(json_object_get(json_object_get(plan, "spec"), part), key);
}

void params_add_texts(struct params *params, const json_t *texts)
{
    params_begin_text_array(params, json_array_size(texts));
    for (size_t i = 0; i < json_array_size(texts); i++)
        params_put_text(params, json_string_value(json_array_get(texts, i)));
    params_end_array(params);
}

void params_add_json(struct params *params, const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    TC_CHECK(text != NULL);
    params_add_text(params, text);
    free(text);
}

void params_add_scope(struct params *params, const json_t *plan)
{
    const json_t *artifact = json_object_get(json_object_get(plan, "spec"), "artifact");
    const char *name = json_string_value(json_object_get(artifact, "name"));
    params_add_texts(params, plan_at(plan, "selector", "branches"));
    params_add_texts(params, plan_at(plan, "selector", "devices"));
    params_add_json(params, plan_at(plan, "selector", "matchLabels"));
    params_add_json(params, plan_at(plan, "selector", "matchExpressions"));
    params_add_text(params, name == NULL ? "" : name);
    params_add_texts(params, json_object_get(artifact, "fromVersions"));
}

void params_add_completed_in(struct params *params, const json_t *plan)
{
    params_add_text(params, json_string_value(plan_at(plan, "selector", "completedIn")));
}
