/* If bytes decode to an ask, encoding it gives bytes that decode to the same ask. */
#include "topics/message.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct ask ask;
    struct tc_fault fault;
    if (ask_decode(bytes, length, &ask, &fault) != TC_OK)
        return 0;
    struct buffer once = {0};
    struct buffer twice = {0};
    struct ask back;
    ask_encode(&ask, &once);
    TC_CHECK(ask_decode(once.bytes, once.length, &back, &fault) == TC_OK);
    ask_encode(&back, &twice);
    TC_CHECK(strcmp(buffer_text(&once), buffer_text(&twice)) == 0);
    ask_free(&ask);
    ask_free(&back);
    buffer_free(&once);
    buffer_free(&twice);
    return 0;
}
