/* Writes mosquitto's settings with the guard, and shows the guard's status. */
#include "clients/ctl/commands/run.h"
#include "clients/ctl/commands/session.h"
#include "topics/topic.h"

#include <stdlib.h>
#include <string.h>

enum { PORT_MAX = 65535 };

/* Fixed settings, as scripts/server has them: without them mosquitto drops messages silently, and holds small ones
 * back. */
static const char broker_settings[] = "per_listener_settings false\n"
                                      "allow_anonymous false\n"
                                      "set_tcp_nodelay true\n"
                                      "max_inflight_messages 1000\n"
                                      "max_queued_messages 1000000\n"
                                      "max_packet_size 2097152\n"
                                      "persistent_client_expiration 14d\n"
                                      "connection_messages false\n";

static void put_option(const struct session *session, const char *option, const char *setting, struct buffer *out)
{
    const char *value = session_option(session, option);
    if (value != NULL)
        buffer_format(out, "%s %s\n", setting, value);
}

static void put_listener(const struct session *session, const char *heading, const char *port, const char *issuer,
                         const char *crl, struct buffer *out)
{
    buffer_format(out, "\n# %s\n", heading);
    put_option(session, port, "listener", out);
    put_option(session, issuer, "cafile", out);
    put_option(session, crl, "crlfile", out);
    put_option(session, "server-certificate", "certfile", out);
    put_option(session, "server-key", "keyfile", out);
    buffer_put_text(out, "tls_version tlsv1.2\nrequire_certificate true\nuse_identity_as_username false\n");
}

static bool is_report(const struct session *session)
{
    return strcmp(session_option(session, "mode"), "report") == 0;
}

static void put_report_options(const struct session *session, struct buffer *out)
{
    bool has_passwords = session_option(session, "former-passwords") != NULL;
    bool has_acl = session_option(session, "former-acl") != NULL;
    put_option(session, "orchestrator", "plugin_opt_orchestrator_user", out);
    put_option(session, "operators", "plugin_opt_operators", out);
    buffer_format(out,
                  "# In report mode these files decide about clients without certificates, if the broker has them.\n"
                  "plugin_opt_has_password_file %s\nplugin_opt_has_acl_file %s\n",
                  has_passwords ? "true" : "false", has_acl ? "true" : "false");
    put_option(session, "former-passwords", "password_file", out);
    put_option(session, "former-acl", "acl_file", out);
}

static void put_settings(const struct session *session, struct buffer *out)
{
    buffer_put_text(
        out, "# mosquitto with Tellercast's guard. It needs no acl_file and no password_file: the guard decides.\n");
    buffer_put_text(out, broker_settings);
    buffer_put_text(out, "\n");
    put_option(session, "plugin", "plugin", out);
    put_option(session, "mode", "plugin_opt_mode", out);
    put_option(session, "root", "plugin_opt_topic_root", out);
    put_option(session, "device-issuer", "plugin_opt_device_issuer_file", out);
    put_option(session, "state", "plugin_opt_state_folder", out);
    if (is_report(session))
        put_report_options(session, out);
    put_listener(session, "Devices.", "device-port", "device-issuer", "device-crl", out);
    put_listener(session, "Orchestrators and operators.", "operations-port", "operations-issuer", "operations-crl",
                 out);
    if (session_option(session, "former-port") != NULL) {
        buffer_put_text(out, "\n# Clients that have no certificate yet.\n");
        put_option(session, "former-port", "listener", out);
    }
}

/* A port, and after a space the address on which the broker listens, as mosquitto reads a listener. */
static bool check_port(const struct session *session, const char *option, int *code)
{
    const char *value = session_option(session, option);
    if (value == NULL)
        return true;
    size_t digits = strspn(value, "0123456789");
    unsigned long port = digits > 0 && digits < sizeof "65535" ? strtoul(value, NULL, 10) : 0;
    const char *address = value + digits;
    bool has_address = *address == ' ' && address[1] != '\0' && strpbrk(address + 1, " \t") == NULL;
    if (port > 0 && port <= PORT_MAX && (*address == '\0' || has_address))
        return true;
    *code = session_fail_usage(session, "--%s: found \"%.80s\", allowed: 1 to %d, or \"PORT ADDRESS\"", option, value,
                               PORT_MAX);
    return false;
}

/* Names joined by commas, as the guard reads them. It cannot be told whether a blank joins two names or is part of one.
 */
static bool check_names(const struct session *session, const char *option, int *code)
{
    const char *names = session_option(session, option);
    if (names == NULL)
        return true;
    size_t length = strlen(names);
    bool has_empty = length == 0 || names[0] == ',' || names[length - 1] == ',' || strstr(names, ",,") != NULL;
    if (!has_empty && strpbrk(names, " \t") == NULL)
        return true;
    *code = session_fail_usage(session, "--%s: found \"%.80s\", allowed: user names joined by commas, without blanks",
                               option, names);
    return false;
}

/* A value becomes the rest of a line, so it is one line. */
static bool check_values(const struct session *session, int *code)
{
    const struct invocation *invocation = session->invocation;
    for (size_t i = 0; i < invocation->given_count; i++) {
        const struct option_given *given = &invocation->given[i];
        if (given->value != NULL && strpbrk(given->value, "\r\n") != NULL) {
            *code = session_fail_usage(session, "--%s: must be one line", given->option->name);
            return false;
        }
    }
    const char *mode = session_option(session, "mode");
    if (strcmp(mode, "enforce") != 0 && strcmp(mode, "report") != 0) {
        *code = session_fail_usage(session, "--mode: found \"%.80s\", allowed: enforce, report", mode);
        return false;
    }
    static const char *const of_report[] = {"former-port", "former-passwords", "former-acl", "orchestrator",
                                            "operators"};
    for (size_t i = 0; i < sizeof of_report / sizeof *of_report; i++) {
        if (!is_report(session) && session_option(session, of_report[i]) != NULL) {
            *code = session_fail_usage(session, "--%s: needs --mode report", of_report[i]);
            return false;
        }
    }
    if (!topic_root_is_valid(session_option(session, "root"))) {
        *code = session_fail_usage(session, "--root: found \"%.80s\", allowed: levels of A-Z a-z 0-9 _ - . joined by /",
                                   session_option(session, "root"));
        return false;
    }
    return check_port(session, "device-port", code) && check_port(session, "operations-port", code) &&
           check_port(session, "former-port", code) && check_names(session, "operators", code);
}

static int print_settings(const struct session *session)
{
    int code = EXIT_HEALTHY;
    if (!check_values(session, &code))
        return code;
    struct buffer out = {0};
    put_settings(session, &out);
    session_put(&out);
    buffer_free(&out);
    return code;
}

/* ---- status ------------------------------------------------------------------------------------ */

static void put_object(const struct session *session, const char *name, const json_t *document, const char *key,
                       struct buffer *out)
{
    const json_t *object = json_object_get(document, key);
    if (json_is_object(object) && json_object_size(object) > 0)
        session_put_pairs(session, name, object, out);
}

static void put_status(const struct session *session, const json_t *document)
{
    struct buffer out = {0};
    const json_t *status = json_object_get(document, "status");
    session_put_heading(session, json_is_object(status) ? document_text(status, "mode") : "no guard has answered",
                        &out);
    session_put_fact(session, "table",
                     json_is_true(json_object_get(document, "is_current"))
                         ? "the guard has the devices that the database has"
                         : "not known to be the newest: it is not there yet, or another orchestrator is the conductor",
                     &out);
    if (json_is_true(json_object_get(status, "insecure_loopback")))
        session_put_fact(session, "insecure", "clients of the broker's machine are believed their user names", &out);
    put_object(session, "table", status, "table", &out);
    put_object(session, "connected", status, "connected", &out);
    if (json_is_object(status) && document_text(status, "since")[0] != '\0')
        session_put_fact(session, "counts since", document_text(status, "since"), &out);
    put_object(session, "uncertified", status, "devices_without_certificate", &out);
    put_object(session, "others", status, "others_without_certificate", &out);
    put_object(session, "denied", status, "denied", &out);
    put_object(session, "denied to", status, "denied_by_kind", &out);
    session_put(&out);
    buffer_free(&out);
}

static int show_status(struct session *session)
{
    int code;
    json_t *document = session_get(session, "/v1/broker/guard", "the broker's guard", &code);
    if (document == NULL)
        return code;
    if (session->json)
        session_put_json(session, document);
    else
        put_status(session, document);
    json_decref(document);
    return EXIT_HEALTHY;
}

int run_broker_guard(struct session *session)
{
    const char *what = session->invocation->argument_count == 0 ? NULL : session_argument(session, 0);
    if (what == NULL)
        return print_settings(session);
    if (strcmp(what, "status") == 0)
        return show_status(session);
    return session_fail_usage(session, "found \"%.80s\", allowed: status", what);
}
