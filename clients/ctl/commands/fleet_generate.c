#include "config/fleet_generate.h"

#include "clients/ctl/commands/run.h"
#include "clients/ctl/commands/session.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bool read_number(const struct session *session, const char *option, int64_t most, int64_t *number, int *code)
{
    const char *text = session_option(session, option);
    char *end;
    errno = 0;
    *number = strtoll(text, &end, 10);
    if (*text >= '0' && *text <= '9' && *end == '\0' && errno == 0 && *number <= most)
        return true;
    *code = session_fail_usage(session, "--%s: found \"%.32s\", allowed: 0 to %" PRId64, option, text, most);
    return false;
}

int run_fleet_generate(struct session *session)
{
    int code = EXIT_HEALTHY;
    int64_t seed;
    struct fleet_shape shape = {.format = FLEET_CSV};
    struct tc_fault fault;
    const char *format = session_option(session, "format");
    if (strcmp(format, "yaml") == 0)
        shape.format = FLEET_YAML;
    else if (strcmp(format, "csv") != 0)
        return session_fail_usage(session, "--format: found \"%.32s\", allowed: csv, yaml", format);
    if (!read_number(session, "branches", FLEET_SHAPE_MOST, &shape.branches, &code) ||
        !read_number(session, "atms", FLEET_SHAPE_MOST, &shape.atms_per_branch, &code) ||
        !read_number(session, "pull", FLEET_SHAPE_MOST, &shape.pull_clients, &code) ||
        !read_number(session, "seed", INT64_MAX, &seed, &code))
        return code;
    shape.seed = (uint64_t)seed;
    if (fleet_generate(&shape, stdout, &fault) != TC_OK)
        return session_fail(session, EXIT_ERROR, "%s", fault.text);
    return EXIT_HEALTHY;
}
