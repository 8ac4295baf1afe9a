/* An operation on a rollout is refused with a fault, or has all fields of its form. */
#include "config/operation.h"

#include <string.h>

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
        TC_CHECK(form != OPERATION_ON_DIGEST ? words.version >= 1 : strlen(words.digest) == sizeof words.digest - 1);
        TC_CHECK(*words.group == '\0' || name_is_valid(words.group, strlen(words.group)));
    }
    return 0;
}
