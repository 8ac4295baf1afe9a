/* If bytes decode to a start, encoding it gives bytes that decode to the same start. */
#include "topics/message.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct start start;
    struct tc_fault fault;
    if (start_decode(bytes, length, &start, &fault) != TC_OK)
        return 0;
    struct buffer once = {0};
    struct buffer twice = {0};
    struct start back;
    start_encode(&start, &once);
    TC_CHECK(start_decode(once.bytes, once.length, &back, &fault) == TC_OK);
    start_encode(&back, &twice);
    TC_CHECK(strcmp(buffer_text(&once), buffer_text(&twice)) == 0);
    start_free(&start);
    start_free(&back);
    buffer_free(&once);
    buffer_free(&twice);
    return 0;
}
