#include "orchestrator/intake/http_gzip.h"

#include "base/fault.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

enum {
    LEVEL = 1,             /* the fastest */
    GZIP_WINDOW = 15 + 16, /* the largest window, and a header of gzip */
    MEMORY = 8,
};

/* Whether the parameters of a coding, as ";q=0.000", take it out. */
static bool is_refused(const char *parameters, size_t length)
{
    const char *quality = memchr(parameters, '=', length);
    if (quality == NULL)
        return false;
    quality++;
    size_t digits = length - (size_t)(quality - parameters);
    return digits > 0 && strspn(quality, "0. \t") >= digits;
}

bool gzip_is_accepted(const char *accept_encoding)
{
    static const char name[] = "gzip";
    while (accept_encoding != NULL && *accept_encoding != '\0') {
        accept_encoding += strspn(accept_encoding, ", \t");
        size_t length = strcspn(accept_encoding, ",");
        size_t coding = strcspn(accept_encoding, ",; \t");
        if (coding == sizeof name - 1 && strncasecmp(accept_encoding, name, coding) == 0)
            return !is_refused(accept_encoding + coding, length - coding);
        accept_encoding += length;
    }
    return false;
}

void gzip_compress(struct buffer *content)
{
    z_stream stream = {0};
    TC_CHECK(content->length <= UINT_MAX);
    TC_CHECK(deflateInit2(&stream, LEVEL, Z_DEFLATED, GZIP_WINDOW, MEMORY, Z_DEFAULT_STRATEGY) == Z_OK);
    size_t size = deflateBound(&stream, content->length);
    unsigned char *bytes = malloc(size);
    TC_CHECK(bytes != NULL && size <= UINT_MAX);
    stream.next_in = (z_const Bytef *)content->bytes;
    stream.avail_in = (uInt)content->length;
    stream.next_out = bytes;
    stream.avail_out = (uInt)size;
    TC_CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    buffer_clear(content);
    buffer_put(content, bytes, stream.total_out);
    TC_CHECK(deflateEnd(&stream) == Z_OK);
    free(bytes);
}
