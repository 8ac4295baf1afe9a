/* An operation on a rollout, or the order of a freeze or an amendment, is refused with a fault, or has all fields of
 * its form. */
#include "config/amendment_order.h"
#include "config/freeze_order.h"
#include "config/operation.h"

#include <string.h>

static void parse_freeze_order(const char *bytes, size_t length)
{
    static const int64_t now_ms = INT64_C(1796000000000);
    struct freeze_order order;
    struct document_faults faults = {0};
    enum tc_error error = freeze_order_parse(bytes, length, now_ms, &order, &faults);
    TC_CHECK((error == TC_OK) == (faults.total == 0));
    if (error == TC_OK)
        TC_CHECK(operation_reason_is_valid(order.reason) && order.until_ms > now_ms &&
                 buffer_text(&order.scope)[0] == '{');
    json_decref(document_faults_json(&faults));
    document_faults_free(&faults);
    freeze_order_free(&order);
}

static void parse_amendment_order(const char *bytes, size_t length)
{
    struct amendment_order_words words;
    struct document_faults faults = {0};
    enum tc_error error = amendment_order_parse(bytes, length, &words, &faults);
    TC_CHECK((error == TC_OK) == (faults.total == 0));
    if (error == TC_OK)
        TC_CHECK(operation_reason_is_valid(words.reason) && words.version >= 1 && words.after != NULL);
    json_decref(document_faults_json(&faults));
    document_faults_free(&faults);
    amendment_order_free(&words);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    for (int form = OPERATION_ON_VERSION; form <= OPERATION_ON_GROUP; form++) {
        struct operation_words words;
        struct document_faults faults = {0};
        enum tc_error error = operation_parse((enum operation_form)form, (const char *)bytes, length, &words, &faults);
        TC_CHECK((error == TC_OK) == (faults.total == 0));
        json_decref(document_faults_json(&faults));
        document_faults_free(&faults);
        if (error != TC_OK)
            continue;
        TC_CHECK(operation_reason_is_valid(words.reason));
        bool is_on_digest = form == OPERATION_ON_DIGEST || form == OPERATION_ON_AMENDMENT;
        TC_CHECK(!is_on_digest ? words.version >= 1 : strlen(words.digest) == sizeof words.digest - 1);
        TC_CHECK(*words.group == '\0' || name_is_valid(words.group, strlen(words.group)));
    }
    parse_freeze_order((const char *)bytes, length);
    parse_amendment_order((const char *)bytes, length);
    return 0;
}
