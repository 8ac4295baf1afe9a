/* The signing keys of the installation: states, rotation and revocation. */
#include "clients/ctl/commands/run.h"
#include "clients/ctl/commands/session.h"
#include "clients/ctl/screen/text.h"

#include <inttypes.h>
#include <string.h>

static enum tone tone_of(const char *state)
{
    if (strcmp(state, "revoked") == 0)
        return TONE_BAD;
    return strcmp(state, "signing") == 0 ? TONE_GOOD : TONE_PLAIN;
}

static void put_names(const json_t *names, struct buffer *out)
{
    size_t i;
    const json_t *name;
    json_array_foreach(names, i, name)
    {
        buffer_format(out, "%s%s", i == 0 ? "" : ", ", json_string_value(name));
    }
}

static void put_keys(const struct session *session, const json_t *keys, struct buffer *out)
{
    static const struct table_column columns[] = {
        {"KEY", false, 43, 0},          {"STATE", false, 0, 0},    {"ROTATION", true, 0, 1}, {"TRUSTED BY", true, 0, 0},
        {"NOT TRUSTED BY", true, 0, 0}, {"SIGNS AT", false, 0, 1}, {"SINCE", false, 0, 2},
    };
    struct table table = table_start(columns, sizeof columns / sizeof *columns);
    size_t i;
    const json_t *key;
    json_array_foreach(keys, i, key)
    {
        struct buffer names = {0};
        const char *state = document_text(key, "state");
        put_names(json_object_get(key, "orchestrators"), &names);
        table_add(&table, TONE_STRONG, document_text(key, "key"));
        table_add(&table, tone_of(state), state);
        table_add_id(&table, TONE_PLAIN, document_number(key, "rotation"));
        table_add_id(&table, TONE_PLAIN, document_number(key, "trusting"));
        table_add_id(&table, TONE_PLAIN, document_number(key, "lacking"));
        table_add(&table, TONE_PLAIN, buffer_text(&names));
        table_add_time(&table, document_text(key, "created_at"));
        buffer_free(&names);
    }
    table_put(&table, &session->out, true, out);
    table_free(&table);
}

static void put_warning(const struct session *session, int64_t count, const char *text, struct buffer *out)
{
    struct buffer line = {0};
    if (count == 0)
        return;
    document_put_counted(&line, count, "device", "devices");
    buffer_format(&line, " %s", text);
    session_put_fact(session, "warning", buffer_text(&line), out);
    buffer_free(&line);
}

static void warn_of_no_signer(const struct session *session, const json_t *keys, struct buffer *out)
{
    size_t i;
    const json_t *key;
    json_array_foreach(keys, i, key)
    {
        if (strcmp(document_text(key, "state"), "signing") == 0)
            return;
    }
    session_put_fact(session, "warning",
                     "no key signs, so no instruction goes out: an offered key signs once no device lacks it, or by "
                     "tellercast key use KEY",
                     out);
}

static void put_list(const struct session *session, const json_t *document)
{
    struct buffer out = {0}, line = {0};
    const json_t *rotation = json_object_get(document, "rotation");
    put_keys(session, json_object_get(document, "keys"), &out);
    buffer_put_text(&out, "\n");
    if (document_number(rotation, "number") > 0) {
        buffer_format(&line, "%" PRId64 ", %s, by %s: ", document_number(rotation, "number"),
                      json_is_true(json_object_get(rotation, "under_way")) ? "under way" : "ended",
                      document_text(rotation, "actor"));
        (void)text_put_clean(&line, document_text(rotation, "reason"), 0, session->out.utf8);
        session_put_fact(session, "rotation", buffer_text(&line), &out);
    }
    warn_of_no_signer(session, json_object_get(document, "keys"), &out);
    put_warning(session, document_number(document, "unnamed"),
                "never said which keys they trust: older agents, or never connected", &out);
    size_t i;
    const json_t *unknown;
    json_array_foreach(json_object_get(document, "unknown"), i, unknown)
    {
        struct buffer text = {0};
        buffer_format(&text, "trust the key %s, which no orchestrator has registered", document_text(unknown, "key"));
        put_warning(session, document_number(unknown, "trusting"), buffer_text(&text), &out);
        buffer_free(&text);
    }
    session_put(&out);
    buffer_free(&line);
    buffer_free(&out);
}

int run_key_list(struct session *session)
{
    int code;
    json_t *document = session_get(session, "/v1/keys", "the signing keys", &code);
    if (document == NULL)
        return code;
    if (session->json)
        session_put_json(session, document);
    else
        put_list(session, document);
    json_decref(document);
    return EXIT_HEALTHY;
}

static void add_device(struct table *table, const json_t *device)
{
    struct buffer keys = {0};
    const json_t *trusted = json_object_get(device, "trusted_keys");
    if (json_is_array(trusted))
        put_names(trusted, &keys);
    else
        buffer_put_text(&keys, "unknown");
    table_add(table, TONE_STRONG, document_text(device, "device"));
    table_add(table, TONE_PLAIN, document_text(device, "branch"));
    table_add(table, TONE_PLAIN, buffer_text(&keys));
    buffer_free(&keys);
}

int run_key_devices(struct session *session)
{
    static const struct table_column columns[] = {
        {"DEVICE", false, 10, 0}, {"BRANCH", false, 0, 1}, {"TRUSTED KEYS", false, 0, 0}};
    int64_t limit;
    int code;
    if (!session_limit(session, &limit, &code))
        return code;
    bool trusting = invocation_has(session->invocation, "trusting");
    struct buffer path = {0};
    buffer_put_text(&path, "/v1/keys/");
    http_put_escaped(&path, session_argument(session, 0));
    buffer_format(&path, "/devices?lacking=%s", trusting ? "false" : "true");
    const struct listing listing = {buffer_text(&path),
                                    "devices",
                                    columns,
                                    sizeof columns / sizeof *columns,
                                    add_device,
                                    false,
                                    limit,
                                    trusting ? "no device trusts this key" : "every device trusts this key"};
    code = session_list(session, &listing);
    buffer_free(&path);
    return code;
}

/* Says how many devices the answer counts: `words` for one, and for another number. `option`: of `key devices`. */
static int operate_on_key(struct session *session, const char *operation, const char *member,
                          const char *const words[static 2], const char *option)
{
    struct buffer path = {0};
    int code = EXIT_HEALTHY;
    buffer_put_text(&path, "/v1/keys/");
    http_put_escaped(&path, session_argument(session, 0));
    buffer_put_text(&path, operation);
    json_t *answer = session_order(session, buffer_text(&path), "the signing keys", &code);
    buffer_free(&path);
    if (answer == NULL)
        return code;
    struct buffer line = {0};
    document_put_counted(&line, document_number(answer, member), "device", "devices");
    if (session->json)
        session_put_json(session, answer);
    else
        session_say(session, "%s %s: tellercast key devices %s%s", buffer_text(&line),
                    words[document_number(answer, member) != 1], session_argument(session, 0), option);
    buffer_free(&line);
    json_decref(answer);
    return EXIT_HEALTHY;
}

int run_key_rotate(struct session *session)
{
    int code = EXIT_HEALTHY;
    json_t *answer = session_order(session, "/v1/keys:rotate", "the signing keys", &code);
    if (answer == NULL)
        return code;
    if (session->json)
        session_put_json(session, answer);
    else
        session_say(session,
                    "rotation %" PRId64 " began: each orchestrator makes a key, which signs when every device trusts "
                    "it: tellercast key list",
                    document_number(answer, "rotation"));
    json_decref(answer);
    return EXIT_HEALTHY;
}

int run_key_revoke(struct session *session)
{
    bool is_last = invocation_has(session->invocation, "last");
    static const char *const words[] = {"still trusts the revoked key", "still trust the revoked key"};
    return operate_on_key(session, is_last ? "/revoke?last=true" : "/revoke", "trusting", words, " --trusting");
}

int run_key_use(struct session *session)
{
    static const char *const words[] = {"does not trust the key that signs now", "do not trust the key that signs now"};
    return operate_on_key(session, "/use", "lacking", words, "");
}
