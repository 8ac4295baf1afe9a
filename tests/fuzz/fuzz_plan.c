/* A plan is refused with a fault, or its canonical form is JSON that is written the same way again. */
#include "config/plan.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct plan *plan;
    struct document_faults faults = {0};
    enum tc_error error = plan_parse(bytes, length, &plan, &faults);
    TC_CHECK((error == TC_OK) == (faults.total == 0) && (plan != NULL) == (error == TC_OK));
    json_decref(document_faults_json(&faults));
    document_faults_free(&faults);
    if (plan == NULL)
        return 0;
    json_t *again = json_loads(plan->canonical, JSON_REJECT_DUPLICATES, NULL);
    TC_CHECK(again != NULL);
    char *text = json_dumps(again, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(15));
    TC_CHECK(text != NULL && strcmp(text, plan->canonical) == 0);
    free(text);
    json_decref(again);
    plan_free(plan);
    return 0;
}
