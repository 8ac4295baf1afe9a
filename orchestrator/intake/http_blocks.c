/* Blocked versions: which devices they concern, blocking and unblocking. */
#include "orchestrator/store/block.h"

#include "base/log.h"
#include "config/operation.h"
#include "orchestrator/intake/http_request.h"
#include "orchestrator/store/read.h"
#include "orchestrator/wording/refusal_words.h"

#include <string.h>

static bool is_name(const char *text)
{
    return text != NULL && name_is_valid(text, strlen(text));
}

/* Reads the version from the target. False, with the answer set, when a parameter is missing or wrong. */
static bool read_version(struct http_request *request, const char **name, const char **version)
{
    *name = http_target_text(&request->target, "name");
    *version = http_target_text(&request->target, "version");
    if (is_name(*name) && is_name(*version))
        return true;
    http_answer_problem(request, 400, "name and version must be given: 1 to 64 of A-Z a-z 0-9 _ - . : +");
    return false;
}

void version_affected(struct http_request *request)
{
    const char *name, *version;
    struct buffer json = {0};
    struct tc_fault fault;
    int limit;
    if (!read_version(request, &name, &version))
        return;
    const char *after = http_target_text(&request->target, "after");
    enum tc_error error = http_read_page(request, NULL, &limit, &fault);
    if (error == TC_OK && after != NULL && !id_is_valid(after, strlen(after)))
        error = tc_fault_set(&fault, TC_INVALID, "after: must be the ID of a device");
    if (error == TC_OK) {
        struct store *store = store_pool_take(request->http->config.stores);
        error = read_affected(store, http_request_patterns(request), name, version, after == NULL ? "" : after, limit,
                              &json, &fault);
        store_pool_give(request->http->config.stores, store);
    }
    http_answer_document(request, error, &json, &fault);
}

/* Reads the act from the target and the body. False, with the answer set, when they have a fault. */
static bool read_act(struct http_request *request, struct operation_words *words, struct block_act *act)
{
    struct document_faults faults = {0};
    *act = (struct block_act){.actor = request->subject.name, .reason = words->reason};
    bool is_good = read_version(request, &act->name, &act->version);
    if (is_good && operation_parse(OPERATION_BY_REASON, buffer_text(&request->body), request->body.length, words,
                                   &faults) != TC_OK) {
        http_answer_faults(request, "operation", &faults);
        is_good = false;
    }
    document_faults_free(&faults);
    return is_good;
}

static void log_act(const char *event, const struct block_act *act)
{
    LOG_WARNING(event, F_STR("name", act->name), F_STR("version", act->version), F_STR("actor", act->actor),
                F_STR("reason", act->reason));
}

void version_block_put(struct http_request *request)
{
    struct operation_words words;
    struct block_act act;
    struct buffer json = {0};
    struct refusal refusal;
    struct tc_fault fault;
    if (!read_act(request, &words, &act))
        return;
    struct store *store = http_act_take_store(request);
    enum tc_error error = block_version(store, &act, &json, &refusal, &fault);
    store_pool_give(request->http->config.stores, store);
    if (error == TC_OK) {
        log_act("artifact.blocked", &act);
        http_wake_parts(request);
    } else {
        refusal_put_words(&refusal, &fault);
    }
    http_answer_document(request, error, &json, &fault);
}

void version_unblock(struct http_request *request)
{
    struct operation_words words;
    struct block_act act;
    struct buffer json = {0};
    struct refusal refusal;
    struct tc_fault fault;
    bool waits = false;
    if (!read_act(request, &words, &act))
        return;
    act.may_confirm = access_decide(&request->subject, ACCESS_APPROVE, NULL, &fault) == TC_OK;
    if (act.may_confirm)
        act_goes_by(request->act, ACCESS_APPROVE);
    struct store *store = http_act_take_store(request);
    enum tc_error error = block_unblock(store, &act, &json, &waits, &refusal, &fault);
    store_pool_give(request->http->config.stores, store);
    if (error == TC_OK) {
        log_act(waits ? "artifact.unblock_ordered" : "artifact.unblocked", &act);
        TC_CHECK(json.length > 0 && json.bytes[json.length - 1] == '}');
        json.bytes[--json.length] = '\0';
        buffer_format(&json, ",\"waits\":%s}", waits ? "true" : "false");
    } else {
        refusal_put_words(&refusal, &fault);
    }
    http_answer_document(request, error, &json, &fault);
}
