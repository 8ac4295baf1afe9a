/* An accepted range always lies within the file. The first byte gives the size of the file. */
#include "base/fault.h"
#include "orchestrator/intake/http_range.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    if (length == 0)
        return 0;
    char *header = malloc(length);
    TC_CHECK(header != NULL);
    memcpy(header, bytes + 1, length - 1);
    header[length - 1] = '\0';
    int64_t size_bytes = bytes[0] == 255 ? INT64_MAX : bytes[0];
    struct http_range range = http_range_parse(header, size_bytes);
    if (range.kind == RANGE_PART)
        TC_CHECK(range.first >= 0 && range.length >= 1 && range.length <= size_bytes - range.first);
    (void)http_etag_is_listed(header, "\"ab\"");
    (void)http_if_range_holds(header, "\"ab\"");
    free(header);
    return 0;
}
