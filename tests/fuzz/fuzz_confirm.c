/* If bytes decode to a confirm, encoding it gives bytes that decode to the same confirm. */
#include "topics/message.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct confirm confirm;
    struct tc_fault fault;
    if (confirm_decode(bytes, length, &confirm, &fault) != TC_OK)
        return 0;
    struct buffer once = {0};
    struct buffer twice = {0};
    struct confirm back;
    confirm_encode(&confirm, &once);
    TC_CHECK(confirm_decode(once.bytes, once.length, &back, &fault) == TC_OK);
    confirm_encode(&back, &twice);
    TC_CHECK(strcmp(buffer_text(&once), buffer_text(&twice)) == 0);
    buffer_free(&once);
    buffer_free(&twice);
    return 0;
}
