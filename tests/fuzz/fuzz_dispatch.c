/* If bytes decode to a dispatch, encoding it gives bytes that decode to the same dispatch. */
#include "topics/message.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct dispatch dispatch;
    struct tc_fault fault;
    if (dispatch_decode(bytes, length, &dispatch, &fault) != TC_OK)
        return 0;
    struct buffer once = {0};
    struct buffer twice = {0};
    struct dispatch back;
    dispatch_encode(&dispatch, &once);
    TC_CHECK(dispatch_decode(once.bytes, once.length, &back, &fault) == TC_OK);
    dispatch_encode(&back, &twice);
    TC_CHECK(strcmp(buffer_text(&once), buffer_text(&twice)) == 0);
    buffer_free(&once);
    buffer_free(&twice);
    return 0;
}
