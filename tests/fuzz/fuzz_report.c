/* If bytes decode to a report, encoding it gives bytes that decode to the same report. */
#include "topics/message.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct report report;
    struct tc_fault fault;
    if (report_decode(bytes, length, &report, &fault) != TC_OK)
        return 0;
    struct buffer once = {0};
    struct buffer twice = {0};
    struct report back;
    report_encode(&report, &once);
    TC_CHECK(report_decode(once.bytes, once.length, &back, &fault) == TC_OK);
    report_encode(&back, &twice);
    TC_CHECK(strcmp(buffer_text(&once), buffer_text(&twice)) == 0);
    report_free(&report);
    report_free(&back);
    buffer_free(&once);
    buffer_free(&twice);
    return 0;
}
