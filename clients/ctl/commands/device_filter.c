#include "clients/ctl/commands/device_filter.h"

#include "clients/ctl/commands/query.h"
#include "clients/ctl/commands/session.h"

bool device_filter_put(const struct session *session, struct buffer *path)
{
    bool is_given = session->invocation->argument_count > 0;
    if (is_given) {
        query_put_name(path, "q");
        http_put_escaped(path, session_argument(session, 0));
    }
    is_given |= query_put_options(session, "where", "label", path);
    is_given |= query_put_options(session, "installed", "version", path);
    is_given |= query_put_options(session, "state", "state", path);
    return is_given;
}
