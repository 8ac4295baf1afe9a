#include "orchestrator/cache/access.h"

#include <sodium.h>
#include <string.h>

/* The commands that the cache sends. AUTH needs no right. */
static const char *const commands[] = {"set", "getrange", "exists", "del", "unlink", "scan", "rename", "info"};

void cache_write_access(const char *user, const char *password, const char *prefix, struct buffer *lines)
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    char hex[2 * sizeof digest + 1];
    (void)crypto_hash_sha256(digest, (const unsigned char *)password, strlen(password));
    (void)sodium_bin2hex(hex, sizeof hex, digest, sizeof digest);
    buffer_format(lines, "user default off\nuser %s on #%s ~%s:* resetchannels -@all", user, hex, prefix);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        buffer_format(lines, " +%s", commands[i]);
    buffer_format(lines, "\n");
}
