#include "orchestrator/store/result.h"

#include "base/fault.h"

#include <stdio.h>
#include <string.h>

void store_one_line(const char *message, char *text, size_t size)
{
    static const char white[] = " \n\t";
    size_t length = 0;
    text[0] = '\0';
    while (*(message += strspn(message, white)) != '\0' && length + 1 < size) {
        int word = (int)strcspn(message, white);
        int written = snprintf(text + length, size - length, "%s%.*s", length == 0 ? "" : " ", word, message);
        length += (size_t)written;
        message += word;
    }
}

json_t *stored_json(const char *text)
{
    json_error_t wrong = {0};
    json_t *value = json_loads(text, 0, &wrong);
    /* Out of memory, jansson reports that, or no error code. */
    enum json_error_code code = json_error_code(&wrong);
    TC_CHECK(value != NULL || (code != json_error_out_of_memory && code != json_error_unknown));
    return value;
}

void copy_text(char *text, size_t size, const char *value)
{
    (void)snprintf(text, size, "%s", value == NULL ? "" : value);
}

void result_clear(PGresult **result)
{
    PQclear(*result);
    *result = NULL;
}
