/* Shows the machines that a rollout took out of service, and the branches that wait for them. */
#include "clients/ctl/commands/rollout.h"

#include <inttypes.h>

/* The JSON has all of them. */
enum { NAMES_MOST = 8 };

/* Writes "A1, A2, …" for `total` devices. `names` has some of them: texts, or documents with a `key`. */
static void put_names(const json_t *names, const char *key, int64_t total, struct buffer *out)
{
    size_t count = json_array_size(names);
    for (size_t i = 0; i < count && i < NAMES_MOST; i++) {
        const json_t *name = json_array_get(names, i);
        const char *text = json_is_string(name) ? json_string_value(name) : document_text(name, key);
        buffer_format(out, "%s%s", i == 0 ? "" : ", ", text);
    }
    if (total > NAMES_MOST)
        buffer_put_text(out, ", …");
}

/* "branch B1: 11 devices wait until A3 is back" */
static void put_branch(const struct session *session, const char *name, const json_t *branch, struct buffer *out)
{
    const json_t *machines = json_object_get(branch, "unavailable");
    int64_t devices = document_number(branch, "devices");
    struct buffer text = {0};
    buffer_format(&text, "branch %s: ", document_text(branch, "branch"));
    document_put_counted(&text, devices, "device waits", "devices wait");
    buffer_put_text(&text, " until ");
    put_names(machines, "", (int64_t)json_array_size(machines), &text);
    buffer_put_text(&text, json_array_size(machines) == 1 ? " is back" : " are back");
    session_put_fact(session, name, buffer_text(&text), out);
    buffer_free(&text);
}

void rollout_put_unavailable(const struct session *session, const json_t *rollout, struct buffer *out)
{
    const json_t *unavailable = json_object_get(rollout, "unavailable");
    const json_t *awaiting = json_object_get(rollout, "awaiting_return");
    int64_t machines = document_number(unavailable, "devices"), branches = document_number(awaiting, "branches");
    struct buffer text = {0};
    if (machines > 0) {
        document_put_counted(&text, machines, "machine: ", "machines: ");
        put_names(json_object_get(unavailable, "examples"), "device", machines, &text);
        session_put_fact(session, "unavailable", buffer_text(&text), out);
    }
    size_t i;
    const json_t *branch;
    json_array_foreach(json_object_get(awaiting, "examples"), i, branch)
    {
        if (i == NAMES_MOST)
            break;
        put_branch(session, i == 0 ? "waits" : "", branch, out);
    }
    if (branches > NAMES_MOST) {
        buffer_clear(&text);
        buffer_format(&text, "and %" PRId64 " more branches", branches - NAMES_MOST);
        session_put_fact(session, "", buffer_text(&text), out);
    }
    buffer_free(&text);
}
