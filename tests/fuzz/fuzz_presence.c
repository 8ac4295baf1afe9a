/* If bytes decode to a presence, encoding it gives bytes that decode to the same presence. */
#include "topics/message.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct presence presence;
    struct tc_fault fault;
    if (presence_decode(bytes, length, &presence, &fault) != TC_OK)
        return 0;
    struct buffer once = {0};
    struct buffer twice = {0};
    struct presence back;
    presence_encode(&presence, &once);
    TC_CHECK(presence_decode(once.bytes, once.length, &back, &fault) == TC_OK);
    presence_encode(&back, &twice);
    TC_CHECK(strcmp(buffer_text(&once), buffer_text(&twice)) == 0);
    buffer_free(&once);
    buffer_free(&twice);
    return 0;
}
