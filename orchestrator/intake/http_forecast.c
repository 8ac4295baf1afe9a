/* When a rollout ends: the forecasts of the conductor, with what they assume in words. */
#include "orchestrator/intake/http_request.h"
#include "orchestrator/store/read.h"
#include "orchestrator/wording/forecast_words.h"
#include "topics/json_text.h"

/* Replaces each name of an assumption by the name and its sentence. */
static void put_sentences(json_t *document)
{
    size_t i;
    const json_t *name;
    json_t *assumptions = json_array();
    json_array_foreach(json_object_get(document, "assumptions"), i, name)
    {
        const char *code = json_string_value(name);
        if (code != NULL)
            TC_CHECK(json_array_append_new(assumptions, json_pack("{s:s, s:s}", "code", code, "text",
                                                                  forecast_assumption_words(code))) == 0);
    }
    TC_CHECK(json_object_set_new(document, "assumptions", assumptions) == 0);
}

static enum tc_error put_document(const struct buffer *read, struct buffer *json, struct tc_fault *fault)
{
    json_t *document = json_loadb(read->bytes, read->length, 0, NULL);
    if (!json_is_object(document)) {
        json_decref(document);
        return tc_fault_set(fault, TC_INTERNAL, "database: the forecast is no JSON object");
    }
    put_sentences(document);
    json_text_put_value(json, document);
    json_decref(document);
    return TC_OK;
}

void rollout_forecast(struct http_request *request)
{
    struct buffer read = {0}, json = {0};
    struct tc_fault fault;
    int64_t id;
    enum tc_error error = http_read_rollout_id(request, &id, &fault);
    if (error == TC_OK) {
        struct store *store = store_pool_take(request->http->config.stores);
        error = http_name_missing(read_forecast(store, http_request_patterns(request), id, &read, &fault), &fault);
        store_pool_give(request->http->config.stores, store);
    }
    if (error == TC_OK)
        error = put_document(&read, &json, &fault);
    buffer_free(&read);
    http_answer_document(request, error, &json, &fault);
}
