#include "orchestrator/preparation/content.h"

#include "orchestrator/store/inventory.h"
#include "topics/token.h"

#include <stdio.h>
#include <string.h>

/* Finds the artifact: at the plan's URL, or in the own store. */
static enum tc_error find_artifact(struct store *store, const char *public_url, const struct plan *plan,
                                   struct instruction_payload *shared, struct document_faults *faults,
                                   struct tc_fault *fault)
{
    const json_t *artifact = json_object_get(json_object_get(plan->tree, "spec"), "artifact");
    struct artifact stored = {0};
    const char *url = json_string_value(json_object_get(artifact, "url"));
    const char *version = json_string_value(json_object_get(artifact, "version"));
    (void)snprintf(stored.name, sizeof stored.name, "%s", json_string_value(json_object_get(artifact, "name")));
    (void)snprintf(stored.version, sizeof stored.version, "%s", version == NULL ? "" : version);
    if (url != NULL) {
        (void)snprintf(shared->artifact.url, sizeof shared->artifact.url, "%s", url);
        (void)snprintf(stored.sha256, sizeof stored.sha256, "%s",
                       json_string_value(json_object_get(artifact, "sha256")));
        stored.size_bytes = json_integer_value(json_object_get(artifact, "size"));
    } else if (action_needs_artifact(shared->action)) {
        enum tc_error error = artifact_find(store, &stored, fault);
        if (error == TC_NOT_FOUND)
            plan_fault_add(plan, faults, "spec.artifact", "%s %s is not in the artifact store", stored.name,
                           stored.version);
        if (error != TC_OK)
            return error == TC_NOT_FOUND ? TC_INVALID : error;
        (void)snprintf(shared->artifact.url, sizeof shared->artifact.url, "%s/v1/artifacts/%s", public_url,
                       stored.sha256);
    }
    memcpy(shared->artifact.name, stored.name, sizeof shared->artifact.name);
    memcpy(shared->artifact.version, stored.version, sizeof shared->artifact.version);
    memcpy(shared->artifact.sha256, stored.sha256, sizeof shared->artifact.sha256);
    shared->artifact.size_bytes = stored.size_bytes;
    return TC_OK;
}

enum tc_error content_make(struct store *store, const char *public_url, const struct plan *plan, struct buffer *content,
                           struct document_faults *faults, struct tc_fault *fault)
{
    const json_t *spec = json_object_get(plan->tree, "spec");
    json_t *parameters = json_object_get(spec, "parameters");
    struct instruction_payload shared = {.has_artifact = json_is_object(json_object_get(spec, "artifact")),
                                         .parameters = json_is_object(parameters) ? parameters : NULL};
    TC_CHECK(action_parse(json_string_value(json_object_get(spec, "action")), &shared.action));
    enum tc_error error = shared.has_artifact ? find_artifact(store, public_url, plan, &shared, faults, fault) : TC_OK;
    if (error != TC_OK)
        return error;
    instruction_content_encode(&shared, content);
    return instruction_content_check(buffer_text(content), content->length, fault);
}
