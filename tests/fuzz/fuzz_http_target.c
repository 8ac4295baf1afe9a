/* A parsed target has decoded texts that can be matched and read as numbers. */
#include "base/utf8.h"
#include "orchestrator/intake/http_target.h"

#include <stdlib.h>
#include <string.h>

static void check_text(const char *text)
{
    size_t length = strlen(text);
    TC_CHECK(utf8_valid_length(text, length) == length);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    char *text = malloc(length + 1);
    TC_CHECK(text != NULL);
    if (length > 0)
        memcpy(text, bytes, length);
    text[length] = '\0';
    struct http_target target;
    struct tc_fault fault;
    if (http_target_parse(text, &target, &fault) == TC_OK) {
        const char *variable;
        (void)http_target_matches(&target, "/v1/rollouts/{id}/instructions", &variable);
        check_text(variable);
        TC_CHECK(!http_target_matches(&target, "/v1/{a}", &variable) || target.segment_count == 2);
        for (size_t i = 0; i < target.parameter_count; i++) {
            int64_t number = 7;
            check_text(target.parameters[i].value);
            enum tc_error error = http_target_integer(&target, target.parameters[i].name, 1, 1000, &number, &fault);
            TC_CHECK(number >= 1 && number <= 1000 && (error == TC_OK || number == 7));
        }
    }
    http_target_free(&target);
    free(text);
    return 0;
}
