#include "base/environment.h"

#include "base/fault.h"
#include "base/log.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Variables of libpq: PGHOST, PGSERVICE, PGDATESTYLE and others, PG and a capital letter. */
static const char libpq_prefix[] = "PG";

static const char *const ignored[] = {
    "http_proxy", "HTTP_PROXY",    "https_proxy",  "HTTPS_PROXY",   "all_proxy",   "ALL_PROXY",   "no_proxy",
    "NO_PROXY",   "SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE", "HOSTALIASES", "LOCALDOMAIN",
};

static bool is_ignored(const char *entry, size_t length)
{
    size_t prefix = strlen(libpq_prefix);
    if (length > prefix && strncmp(entry, libpq_prefix, prefix) == 0 && isupper((unsigned char)entry[prefix]) != 0)
        return true;
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++) {
        if (strlen(ignored[i]) == length && strncmp(ignored[i], entry, length) == 0)
            return true;
    }
    return false;
}

void environment_ignore(struct buffer *names)
{
    char **entry = environ;
    while (entry != NULL && *entry != NULL) {
        size_t length = strcspn(*entry, "=");
        if (!is_ignored(*entry, length)) {
            entry++;
            continue;
        }
        char *name = strndup(*entry, length);
        TC_CHECK(name != NULL);
        buffer_format(names, "%s%s", names->length == 0 ? "" : " ", name);
        TC_CHECK(unsetenv(name) == 0); /* the following entries move up */
        free(name);
    }
}

void environment_warn_ignored(void)
{
    struct buffer names = {0};
    environment_ignore(&names);
    if (names.length > 0)
        LOG_WARNING("environment.ignored", F_STR("variables", buffer_text(&names)),
                    F_STR("reason", "only the settings decide how to connect"));
    buffer_free(&names);
}
