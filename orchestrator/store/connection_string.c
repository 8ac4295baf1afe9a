#include "orchestrator/store/connection_string.h"

#include "orchestrator/store/store.h"

#include <ctype.h>
#include <string.h>

static const char must_be_encoded[] =
    "a special character in its user or password must be percent-encoded: @ is %40, / is "
    "%2F, ? is %3F, # is %23, % is %25";

/* Returns the text after "postgresql://" or "postgres://"; NULL for key=value pairs. */
static const char *find_authority(const char *text)
{
    static const char *const schemes[] = {"postgresql://", "postgres://"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        if (strncmp(text, schemes[i], strlen(schemes[i])) == 0)
            return text + strlen(schemes[i]);
    }
    return NULL;
}

/* A URI has one '@': after the user and the password. */
static const char *find_fault_of_uri(const char *authority)
{
    size_t length = strcspn(authority, "/?#");
    const char *at = memchr(authority, '@', length);
    if (strchr(at == NULL ? authority + length : at + 1, '@') != NULL)
        return must_be_encoded;
    for (const char *percent = strchr(authority, '%'); percent != NULL; percent = strchr(percent + 1, '%')) {
        if (isxdigit((unsigned char)percent[1]) == 0 || isxdigit((unsigned char)percent[2]) == 0)
            return must_be_encoded;
    }
    return NULL;
}

const char *connection_string_value(const PQconninfoOption *options, const char *keyword)
{
    for (const PQconninfoOption *option = options; option->keyword != NULL; option++) {
        if (strcmp(option->keyword, keyword) == 0 && option->val != NULL)
            return option->val;
    }
    return "";
}

/* The file of a service says where to connect, and who reads the settings does not see it. */
static const char no_service[] =
    "service is not allowed: write what its file says into the string, and a password into "
    "a file that passfile names";

/* libpq reads "postgresql://user:password" without a host as a host and a port. */
static const char *find_fault_of_options(const PQconninfoOption *options)
{
    if (connection_string_value(options, "service")[0] != '\0')
        return no_service;
    if (connection_string_value(options, "port")[strspn(connection_string_value(options, "port"), "0123456789,")] !=
        '\0')
        return "its port must be a number; a URI is postgresql://USER:PASSWORD@HOST:PORT/NAME";
    if (strstr(connection_string_value(options, "dbname"), "://") != NULL)
        return "its dbname is a URI; a URI must be the whole string: postgresql://USER:PASSWORD@HOST:PORT/NAME";
    if (strchr(connection_string_value(options, "host"), '@') != NULL &&
        connection_string_value(options, "host")[0] != '@')
        return must_be_encoded;
    return NULL;
}

enum tc_error store_check_connection(const char *connection, struct tc_fault *fault)
{
    PQconninfoOption *options;
    enum tc_error error = connection_string_parse(connection, &options, fault);
    PQconninfoFree(options);
    return error;
}

enum tc_error connection_string_parse(const char *text, PQconninfoOption **options, struct tc_fault *fault)
{
    const char *authority = find_authority(text);
    const char *wrong = authority == NULL ? NULL : find_fault_of_uri(authority);
    char *libpq_reason = NULL; /* not shown: it quotes the part that libpq does not understand */
    *options = wrong == NULL ? PQconninfoParse(text, &libpq_reason) : NULL;
    PQfreemem(libpq_reason);
    if (wrong == NULL && *options == NULL)
        wrong = authority == NULL
                    ? "allowed: key=value pairs separated by spaces, as in \"host=db port=5432 dbname=bank\"; a "
                      "value with spaces must be in single quotes; the keys are libpq's"
                    : "allowed: postgresql://USER:PASSWORD@HOST:PORT/NAME?KEY=VALUE; the keys are libpq's";
    if (wrong == NULL)
        wrong = find_fault_of_options(*options);
    if (wrong == NULL)
        return TC_OK;
    PQconninfoFree(*options);
    *options = NULL;
    return tc_fault_set(fault, TC_INVALID, "database: invalid connection string: %s", wrong);
}
