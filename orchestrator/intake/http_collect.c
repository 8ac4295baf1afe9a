/* The order to collect a file of one device: the daemon makes its plan, and submits that in the operator's name. */
#include "config/operation.h"
#include "orchestrator/intake/http_request.h"

#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Each stage of an attempt is short, since an installation of the device waits for it; but a device that is away is
 * asked again for two hours. */
enum {
    COLLECT_STAGE_S = 120,
    COLLECT_BACKOFF_S = 480,
    COLLECT_RETRIES = 11,
    PRIORITY = 100,
    NAME_DEVICE_MAX = 40,
    SUFFIX_BYTES = 6
};

/* Names the rollout: the same for the same order with the same Idempotency-Key. */
static void put_name(const struct http_request *request, const struct operation_words *words, struct buffer *name)
{
    unsigned char suffix[crypto_generichash_BYTES_MIN];
    char text[2 * SUFFIX_BYTES + 1];
    const char *key = http_request_header(request, "Idempotency-Key");
    if (key == NULL) {
        randombytes_buf(suffix, sizeof suffix);
    } else {
        struct buffer order = {0};
        buffer_format(&order, "%s %s %s %s", request->subject.name, request->variable, words->file, key);
        (void)crypto_generichash(suffix, sizeof suffix, (const unsigned char *)order.bytes, order.length, NULL, 0);
        buffer_free(&order);
    }
    (void)sodium_bin2hex(text, sizeof text, suffix, SUFFIX_BYTES);
    buffer_format(name, "collect-%.*s-%s", NAME_DEVICE_MAX, request->variable, text);
}

/* Puts the plan in place of the body. */
static void make_plan(struct http_request *request, const struct operation_words *words)
{
    struct buffer name = {0};
    char stage[16], backoff[16];
    (void)snprintf(stage, sizeof stage, "%ds", COLLECT_STAGE_S);
    (void)snprintf(backoff, sizeof backoff, "%ds", COLLECT_BACKOFF_S);
    put_name(request, words, &name);
    json_t *plan = json_pack(
        "{s:s, s:s, s:{s:s, s:s}, s:{s:s, s:{s:s}, s:i, s:{s:[s]}, s:{s:s, s:s, s:s, s:s, s:s, s:i, s:[s]}}}",
        "apiVersion", "tellercast/v1", "kind", "Rollout", "metadata", "name", buffer_text(&name), "description",
        words->reason, "spec", "action", "collect", "parameters", "file", words->file, "priority", PRIORITY, "selector",
        "devices", request->variable, "execution", "dispatchTimeout", stage, "answerTimeout", stage, "receiveTimeout",
        stage, "installTimeout", stage, "backoff", backoff, "retries", COLLECT_RETRIES, "retryOn", "timed_out");
    char *text = plan == NULL ? NULL : json_dumps(plan, JSON_COMPACT);
    TC_CHECK(text != NULL);
    buffer_clear(&request->body);
    buffer_put_text(&request->body, text);
    free(text);
    json_decref(plan);
    buffer_free(&name);
}

void collect_begin(struct http_request *request)
{
    operation_begin(request);
    rollout_check_key(request);
}

void device_collect(struct http_request *request)
{
    struct operation_words words;
    struct document_faults faults = {0};
    if (!id_is_valid(request->variable, strlen(request->variable))) {
        http_answer_problem(request, 404, "the ID of a device must be 1 to 64 of A-Z a-z 0-9 _ -");
    } else if (operation_parse(OPERATION_ON_FILE, buffer_text(&request->body), request->body.length, &words, &faults) !=
               TC_OK) {
        http_answer_faults(request, "operation", &faults);
    }
    document_faults_free(&faults);
    if (request->status != 0) {
        http_request_resume(request);
        return;
    }
    act_set_reason(request->act, words.reason);
    make_plan(request, &words);
    rollout_submit_plan(request, ENDPOINT_COLLECT, NULL);
}
