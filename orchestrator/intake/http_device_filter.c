#include "orchestrator/intake/http_device_filter.h"

#include "config/pairs_text.h"

#include <string.h>

static enum tc_error read_part(const struct http_request *request, struct device_filter *filter, struct tc_fault *fault)
{
    const char *part = http_target_text(&request->target, "q");
    if (part != NULL && !id_is_valid(part, strlen(part)))
        return tc_fault_set(fault, TC_INVALID, "q: must be a part of an ID, 1 to %d of A-Z a-z 0-9 _ -", TC_ID_MAX);
    filter->part = part == NULL ? "" : part;
    return TC_OK;
}

enum tc_error http_read_labels(const struct http_request *request, struct buffer *json, struct tc_fault *fault)
{
    const char *labels[HTTP_PARAMETERS_MAX + 1];
    struct buffer of_model = {0};
    size_t count = 0, place = 0;
    const char *label;
    while ((label = http_target_next(&request->target, "label", &place)) != NULL)
        labels[count++] = label;
    const char *model = http_target_text(&request->target, "model");
    if (model != NULL) {
        buffer_format(&of_model, "model=%s", model);
        labels[count++] = buffer_text(&of_model);
    }
    enum tc_error error = pairs_text_parse("label", labels, count, json, fault);
    buffer_free(&of_model);
    return error;
}

static enum tc_error read_version(const struct http_request *request, struct buffer *json, struct tc_fault *fault)
{
    const char *version = http_target_text(&request->target, "version");
    return pairs_text_parse("version", &version, version == NULL ? 0 : 1, json, fault);
}

static enum tc_error read_state(const struct http_request *request, struct device_filter *filter,
                                struct tc_fault *fault)
{
    const char *state = http_target_text(&request->target, "state");
    if (state != NULL && !device_state_is_known(state))
        return tc_fault_set(fault, TC_INVALID, "state: found \"%.64s\", allowed: " DEVICE_STATES, state);
    filter->state = state == NULL ? "" : state;
    return TC_OK;
}

static enum tc_error read_online(const struct http_request *request, struct device_filter *filter,
                                 struct tc_fault *fault)
{
    const char *text = http_target_text(&request->target, "online");
    filter->has_presence = text != NULL;
    filter->presence = PRESENCE_UNKNOWN;
    if (text == NULL || strcmp(text, presence_state_name(PRESENCE_UNKNOWN)) == 0)
        return TC_OK;
    if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        return tc_fault_set(fault, TC_INVALID, "online: found \"%.64s\", allowed: true, false, unknown", text);
    filter->presence = strcmp(text, "true") == 0 ? PRESENCE_ONLINE : PRESENCE_OFFLINE;
    return TC_OK;
}

enum tc_error http_read_device_filter(struct http_request *request, struct device_filter_texts *texts,
                                      struct tc_fault *fault)
{
    *texts = (struct device_filter_texts){.filter = {.patterns = http_request_patterns(request)}};
    enum tc_error error = read_part(request, &texts->filter, fault);
    if (error == TC_OK)
        error = http_read_labels(request, &texts->labels, fault);
    if (error == TC_OK)
        error = read_version(request, &texts->versions, fault);
    if (error == TC_OK)
        error = read_state(request, &texts->filter, fault);
    if (error == TC_OK)
        error = read_online(request, &texts->filter, fault);
    texts->filter.labels = buffer_text(&texts->labels);
    texts->filter.versions = buffer_text(&texts->versions);
    if (error != TC_OK)
        device_filter_texts_free(texts);
    return error;
}

void device_filter_texts_free(struct device_filter_texts *texts)
{
    buffer_free(&texts->labels);
    buffer_free(&texts->versions);
}
