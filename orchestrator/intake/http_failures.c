/* The failures of a rollout: grouped, and the devices behind them. */
#include "orchestrator/intake/http_list.h"
#include "orchestrator/store/failures.h"

#include <stdlib.h>
#include <string.h>

static const char default_grouping[] = "code,model,version", label_prefix[] = "label:";

enum { LABEL_PREFIX_LENGTH = sizeof label_prefix - 1 };

/* The key of "label:KEY"; NULL: the word is no label. */
static const char *label_of(const char *word)
{
    bool is_label = strncmp(word, label_prefix, LABEL_PREFIX_LENGTH) == 0 && word[LABEL_PREFIX_LENGTH] != '\0';
    return is_label ? word + LABEL_PREFIX_LENGTH : NULL;
}

static enum tc_error refuse_word(const char *parameter, const char *word, struct tc_fault *fault)
{
    return tc_fault_set(fault, TC_INVALID,
                        "%s: found \"%.64s\", allowed: code, model, version and one label:KEY, each once, joined by "
                        "commas",
                        parameter, word);
}

/* Takes a list of words, of which each may be there once. `grouping` points into `words`, which it changes. */
static enum tc_error read_words(const char *parameter, char *words, struct failure_grouping *grouping,
                                struct tc_fault *fault)
{
    for (char *word = strsep(&words, ","); word != NULL; word = strsep(&words, ",")) {
        const char *label = label_of(word);
        bool *flag = strcmp(word, "code") == 0      ? &grouping->by_code
                     : strcmp(word, "model") == 0   ? &grouping->by_model
                     : strcmp(word, "version") == 0 ? &grouping->by_version
                                                    : NULL;
        if (label == NULL ? flag == NULL || *flag : grouping->label != NULL)
            return refuse_word(parameter, word, fault);
        if (label == NULL)
            *flag = true;
        else
            grouping->label = label;
    }
    return TC_OK;
}

static char *copy_parameter(const struct http_request *request, const char *name, const char *otherwise)
{
    const char *text = http_target_text(&request->target, name);
    char *copy = strdup(text == NULL ? otherwise : text);
    TC_CHECK(copy != NULL);
    return copy;
}

void failures_list(struct http_request *request)
{
    struct failure_grouping grouping = {0};
    struct buffer json = {0};
    struct tc_fault fault;
    int64_t id;
    char *words = copy_parameter(request, "by", default_grouping);
    enum tc_error error = http_read_rollout_id(request, &id, &fault);
    if (error == TC_OK)
        error = read_words("by", words, &grouping, &fault);
    if (error == TC_OK) {
        struct store *store = store_pool_take(request->http->config.stores);
        error = failures_read(store, http_request_patterns(request), id, &grouping, &json, &fault);
        error = http_name_missing(error, &fault);
        store_pool_give(request->http->config.stores, store);
    }
    free(words);
    http_answer_document(request, error, &json, &fault);
}

/* ---- the devices ---- */

static void set_text(json_t *filter, const char *key, const char *text)
{
    TC_CHECK(json_object_set_new(filter, key, text == NULL ? json_null() : json_string(text)) == 0);
}

static void set_label(json_t *filter, const char *key, const char *value)
{
    json_t *label = json_object();
    TC_CHECK(label != NULL);
    set_text(label, "key", key);
    set_text(label, "value", value);
    TC_CHECK(json_object_set_new(filter, "label", label) == 0);
}

/* "KEY=VALUE" */
static enum tc_error take_label(json_t *filter, char *text, struct tc_fault *fault)
{
    char *value = strchr(text, '=');
    if (value == NULL || value == text)
        return tc_fault_set(fault, TC_INVALID, "label: found \"%.64s\", allowed: KEY=VALUE", text);
    *value++ = '\0';
    set_label(filter, text, value);
    return TC_OK;
}

static enum tc_error take_state(json_t *filter, const char *state, struct tc_fault *fault)
{
    bool is_now = strcmp(state, "failing_now") == 0;
    if (!is_now && strcmp(state, "ended") != 0)
        return tc_fault_set(fault, TC_INVALID, "state: found \"%.64s\", allowed: ended, failing_now", state);
    TC_CHECK(json_object_set_new(filter, "now", json_boolean(is_now)) == 0);
    return TC_OK;
}

/* What devices lack: a code or a model is then "", the others are null. */
static void take_without(json_t *filter, const struct failure_grouping *without)
{
    if (without->by_code)
        set_text(filter, "code", "");
    if (without->by_model)
        set_text(filter, "model", "");
    if (without->by_version)
        set_text(filter, "version", NULL);
    if (without->label != NULL)
        set_label(filter, without->label, NULL);
}

static enum tc_error read_filter(const struct http_request *request, json_t *filter, struct tc_fault *fault)
{
    static const char *const texts[] = {"code", "model", "version"};
    const struct http_target *target = &request->target;
    struct failure_grouping without = {0};
    enum tc_error error = TC_OK;
    if (http_target_text(target, "without") != NULL) {
        char *words = copy_parameter(request, "without", "");
        error = read_words("without", words, &without, fault);
        if (error == TC_OK)
            take_without(filter, &without);
        free(words);
    }
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *text = http_target_text(target, texts[i]);
        if (text != NULL)
            set_text(filter, texts[i], text);
    }
    if (error == TC_OK && http_target_text(target, "label") != NULL) {
        char *label = copy_parameter(request, "label", "");
        error = take_label(filter, label, fault);
        free(label);
    }
    const char *state = http_target_text(target, "state");
    return error == TC_OK && state != NULL ? take_state(filter, state, fault) : error;
}

struct failed_devices {
    int64_t rollout;
    const char *patterns;
    json_t *filter;
};

static enum tc_error read_page(struct store *store, void *context, const char *after, int limit, struct buffer *json,
                               struct tc_fault *fault)
{
    const struct failed_devices *chosen = context;
    return failures_read_devices(store, chosen->patterns, chosen->rollout, chosen->filter, http_list_number(after),
                                 limit, json, fault);
}

void failed_devices_list(struct http_request *request)
{
    static const char *const columns[] = {"instruction", "device", "branch",    "model",       "version",
                                          "group",       "state",  "failed_as", "failing_now", "attempt",
                                          "code",        "detail", "ended_at",  "log"};
    struct tc_fault fault;
    int64_t after = 0;
    int limit;
    struct failed_devices chosen = {.patterns = http_request_patterns(request), .filter = json_object()};
    const char *text = http_target_text(&request->target, "after");
    TC_CHECK(chosen.filter != NULL);
    enum tc_error error = http_read_rollout_id(request, &chosen.rollout, &fault);
    if (error == TC_OK)
        error = http_read_page(request, &after, &limit, &fault);
    if (error == TC_OK)
        error = read_filter(request, chosen.filter, &fault);
    const struct http_list list = {"devices", columns, sizeof columns / sizeof *columns, read_page, &chosen};
    if (error == TC_OK)
        http_answer_list(request, &list, text == NULL ? "" : text, limit);
    else
        http_answer_fault(request, &fault);
    json_decref(chosen.filter);
}
