#include "clients/ctl/commands/rollout.h"
#include "clients/ctl/commands/run.h"

static void put_part(const struct session *session, const json_t *part, const char *one, const char *more,
                     struct buffer *out)
{
    size_t i;
    const json_t *example;
    struct buffer text = {0};
    int64_t devices = document_number(part, "devices");
    const json_t *examples = json_object_get(part, "examples");
    document_put_counted(&text, devices, one, more);
    session_put_heading(session, buffer_text(&text), out);
    json_array_foreach(examples, i, example)
    {
        session_put_fact(session, "", json_is_string(example) ? json_string_value(example) : "?", out);
    }
    if (devices > (int64_t)json_array_size(examples) && json_array_size(examples) > 0)
        session_put_fact(session, "", "and more", out);
    buffer_free(&text);
}

int run_rollout_drift(struct session *session)
{
    int64_t id;
    int code;
    if (!rollout_find(session, session_argument(session, 0), &id, &code))
        return code;
    json_t *drift = rollout_get_part(session, id, "drift", &code);
    if (drift == NULL)
        return code;
    struct buffer out = {0};
    if (session->json) {
        session_put_json(session, drift);
    } else {
        put_part(session, json_object_get(drift, "added"), "device matches now and is not in the rollout",
                 "devices match now and are not in the rollout", &out);
        put_part(session, json_object_get(drift, "gone"), "device of the rollout no longer matches",
                 "devices of the rollout no longer match", &out);
        session_put(&out);
    }
    buffer_free(&out);
    json_decref(drift);
    return EXIT_HEALTHY;
}
