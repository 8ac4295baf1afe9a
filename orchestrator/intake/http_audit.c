/* The record of acts. */
#include "orchestrator/intake/http_list.h"
#include "orchestrator/store/acts.h"

#include <stdio.h>
#include <string.h>

static const char *text_of(const struct http_request *request, const char *name)
{
    const char *text = http_target_text(&request->target, name);
    return text == NULL ? "" : text;
}

static enum tc_error check_name(const char *name, const char *text, struct tc_fault *fault)
{
    if (text == NULL || name_is_valid(text, strlen(text)))
        return TC_OK;
    return tc_fault_set(fault, TC_INVALID, "%s: must be 1 to 64 of A-Z a-z 0-9 _ - . : +", name);
}

/* "KIND" or "KIND/ID", into `kind` and `*id`. */
static enum tc_error split_object(const char *text, char kind[static ACT_WORD_SIZE], const char **id,
                                  struct tc_fault *fault)
{
    size_t length = strcspn(text, "/");
    bool has_id = text[length] == '/';
    *id = has_id ? text + length + 1 : "";
    if (length == 0 || length >= ACT_WORD_SIZE || (has_id && (**id == '\0' || strlen(*id) >= ACT_OBJECT_SIZE)))
        return tc_fault_set(fault, TC_INVALID,
                            "object: must be a kind, as rollout, or a kind and an ID, as rollout/42");
    (void)snprintf(kind, ACT_WORD_SIZE, "%.*s", (int)length, text);
    return TC_OK;
}

static enum tc_error find_verbs(const char *word, struct act_filter *filter, const char *verbs[static ACT_VERBS_MAX],
                                struct tc_fault *fault)
{
    enum tc_error error = check_name("verb", word, fault);
    if (error != TC_OK || word == NULL)
        return error;
    filter->verbs = verbs;
    filter->verb_count = http_act_find_verbs(word, verbs);
    return filter->verb_count > 0 ? TC_OK
                                  : tc_fault_set(fault, TC_INVALID,
                                                 "verb: unknown act \"%s\"; allowed: the verb of an act, such as "
                                                 "break-glass, or an operation of tellercastd --print-access",
                                                 word);
}

static enum tc_error read_filter(const struct http_request *request, struct act_filter *filter,
                                 const char *verbs[static ACT_VERBS_MAX], char kind[static ACT_WORD_SIZE],
                                 struct tc_fault *fault)
{
    const char *object = http_target_text(&request->target, "object");
    *filter = (struct act_filter){.person = text_of(request, "person"),
                                  .object_kind = kind,
                                  .object = "",
                                  .since_ms = 0,
                                  .until_ms = ACT_TIME_MAX_MS};
    kind[0] = '\0';
    enum tc_error error = check_name("person", http_target_text(&request->target, "person"), fault);
    if (error == TC_OK)
        error = find_verbs(http_target_text(&request->target, "verb"), filter, verbs, fault);
    if (error == TC_OK && object != NULL)
        error = split_object(object, kind, &filter->object, fault);
    if (error == TC_OK)
        error = http_target_integer(&request->target, "since_ms", 0, ACT_TIME_MAX_MS, &filter->since_ms, fault);
    if (error == TC_OK)
        error = http_target_integer(&request->target, "until_ms", 0, ACT_TIME_MAX_MS, &filter->until_ms, fault);
    return error;
}

static enum tc_error read_page(struct store *store, void *context, const char *after, int limit, struct buffer *json,
                               struct tc_fault *fault)
{
    return acts_list(store, context, http_list_number(after), limit, json, fault);
}

void acts_page(struct http_request *request)
{
    static const char *const columns[] = {"number",    "at",     "person",      "credential", "endpoint", "address",
                                          "operation", "verb",   "object_kind", "object",     "digest",   "version",
                                          "outcome",   "reason", "refusal",     "times",      "details"};
    struct act_filter filter;
    struct tc_fault fault;
    const char *verbs[ACT_VERBS_MAX];
    char kind[ACT_WORD_SIZE];
    int64_t after = 0;
    int limit;
    enum tc_error error = http_read_page(request, &after, &limit, &fault);
    if (error == TC_OK)
        error = read_filter(request, &filter, verbs, kind, &fault);
    const struct http_list list = {"acts", columns, sizeof columns / sizeof *columns, read_page, &filter};
    if (error == TC_OK)
        http_answer_list(request, &list, text_of(request, "after"), limit);
    else
        http_answer_fault(request, &fault);
}
