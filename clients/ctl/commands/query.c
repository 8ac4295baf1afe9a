#include "clients/ctl/commands/query.h"

#include "clients/ctl/commands/session.h"

#include <string.h>

void query_put_name(struct buffer *path, const char *name)
{
    buffer_format(path, "%c%s=", strchr(buffer_text(path), '?') == NULL ? '?' : '&', name);
}

bool query_put_options(const struct session *session, const char *option, const char *parameter, struct buffer *path)
{
    const struct invocation *invocation = session->invocation;
    bool is_given = false;
    for (size_t i = 0; i < invocation->given_count; i++) {
        if (strcmp(invocation->given[i].option->name, option) != 0)
            continue;
        query_put_name(path, parameter);
        http_put_escaped(path, invocation->given[i].value);
        is_given = true;
    }
    return is_given;
}

void query_put_flag(const struct session *session, const char *option, const char *parameter, struct buffer *path)
{
    if (!session_has(session, option))
        return;
    query_put_name(path, parameter);
    buffer_put_text(path, "true");
}
