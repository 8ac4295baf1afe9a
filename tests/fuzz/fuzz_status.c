/* Whatever a status decodes to is encoded into what decodes to the same. */
#include "topics/message.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct status status;
    struct tc_fault fault;
    if (status_decode(bytes, length, &status, &fault) != TC_OK)
        return 0;
    struct buffer once = {0};
    struct buffer twice = {0};
    struct status back;
    status_encode(&status, &once);
    TC_CHECK(status_decode(once.bytes, once.length, &back, &fault) == TC_OK);
    status_encode(&back, &twice);
    TC_CHECK(strcmp(buffer_text(&once), buffer_text(&twice)) == 0);
    status_free(&status);
    status_free(&back);
    buffer_free(&once);
    buffer_free(&twice);
    return 0;
}
