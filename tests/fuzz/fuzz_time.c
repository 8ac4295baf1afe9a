/* If a text is read as a time, writing that time gives a text that reads as the same time. */
#include "base/clock.h"
#include "base/fault.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    int64_t time_ms, back_ms;
    if (!clock_parse((const char *)bytes, length, &time_ms))
        return 0;
    char text[TC_TIME_TEXT_SIZE];
    clock_format(time_ms, text);
    TC_CHECK(clock_parse(text, strlen(text), &back_ms) && back_ms == time_ms);
    return 0;
}
