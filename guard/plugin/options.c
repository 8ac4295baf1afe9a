#include "guard/plugin/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_MAX = 1000000000, MS_PER_SECOND = 1000, SUSPENSION_S_MAX = 86400 };

static enum tc_error refuse(struct tc_fault *fault, const struct option_text *text, const char *allowed)
{
    return tc_fault_set(fault, TC_INVALID, "plugin_opt_%s: found \"%.80s\", allowed: %s", text->name, text->value,
                        allowed);
}

static bool read_number(const char *text, char end, int64_t most, int64_t *number, const char **rest)
{
    char *after;
    if (*text < '1' || *text > '9')
        return false;
    *number = strtoll(text, &after, 10);
    if (*after != end || *number > most)
        return false;
    *rest = after;
    return true;
}

static enum tc_error read_rate(const struct option_text *text, struct rate *rate, struct tc_fault *fault)
{
    int64_t burst, per_minute;
    const char *rest;
    if (!read_number(text->value, ',', NUMBER_MAX, &burst, &rest) ||
        !read_number(rest + 1, '\0', NUMBER_MAX, &per_minute, &rest))
        return refuse(fault, text, "BURST,PER_MINUTE, each a number from 1");
    *rate = (struct rate){(int32_t)burst, (int32_t)per_minute};
    return TC_OK;
}

static enum tc_error read_boolean(const struct option_text *text, bool *value, struct tc_fault *fault)
{
    *value = strcmp(text->value, "true") == 0;
    return *value || strcmp(text->value, "false") == 0 ? TC_OK : refuse(fault, text, "true, false");
}

static enum tc_error read_count(const struct option_text *text, int64_t most, int64_t *count, struct tc_fault *fault)
{
    const char *rest;
    return read_number(text->value, '\0', most, count, &rest) ? TC_OK : refuse(fault, text, "a number from 1");
}

static enum tc_error read_mode(const struct option_text *text, bool *enforces, struct tc_fault *fault)
{
    *enforces = strcmp(text->value, "enforce") == 0;
    return *enforces || strcmp(text->value, "report") == 0 ? TC_OK : refuse(fault, text, "enforce, report");
}

static enum tc_error read_root(const struct option_text *text, struct options *options, struct tc_fault *fault)
{
    if (!topic_root_is_valid(text->value))
        return refuse(fault, text, "levels of A-Z a-z 0-9 _ - . joined by /");
    (void)snprintf(options->root, sizeof options->root, "%s", text->value);
    return TC_OK;
}

static enum tc_error read_option(const struct option_text *text, struct options *options, struct tc_fault *fault)
{
    struct guard_config *guard = &options->guard;
    const struct {
        const char *name;
        const char **value;
    } texts[] = {{"device_issuer_file", &options->device_issuer_file},
                 {"state_folder", &options->state_folder},
                 {"orchestrator_user", &options->orchestrator_user},
                 {"operators", &options->operators}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (strcmp(text->name, texts[i].name) == 0) {
            *texts[i].value = text->value;
            return TC_OK;
        }
    }
    for (int meter = 0; meter < METERS; meter++) {
        if (strncmp(text->name, "rate_", 5) == 0 && strcmp(text->name + 5, meter_name((enum meter)meter)) == 0)
            return read_rate(text, &guard->rates[meter], fault);
    }
    if (strcmp(text->name, "mode") == 0)
        return read_mode(text, &guard->enforces, fault);
    if (strcmp(text->name, "topic_root") == 0)
        return read_root(text, options, fault);
    if (strcmp(text->name, "insecure_loopback") == 0)
        return read_boolean(text, &options->guard.is_insecure, fault);
    if (strcmp(text->name, "has_password_file") == 0)
        return read_boolean(text, &options->has_password_file, fault);
    if (strcmp(text->name, "has_acl_file") == 0)
        return read_boolean(text, &options->has_acl_file, fault);
    if (strcmp(text->name, "waiting_messages") == 0)
        return read_count(text, NUMBER_MAX, &guard->waiting_messages, fault);
    if (strcmp(text->name, "waiting_bytes") == 0)
        return read_count(text, NUMBER_MAX, &guard->waiting_bytes, fault);
    if (strcmp(text->name, "suspension_seconds") == 0) {
        int64_t seconds = 0;
        enum tc_error error = read_count(text, SUSPENSION_S_MAX, &seconds, fault);
        guard->suspension_ms = seconds * MS_PER_SECOND;
        return error;
    }
    return tc_fault_set(fault, TC_INVALID, "plugin_opt_%.80s: there is no such option", text->name);
}

enum tc_error options_read(const struct option_text *texts, size_t count, struct options *options,
                           struct tc_fault *fault)
{
    *options = (struct options){.root = TOPIC_ROOT_DEFAULT,
                                .orchestrator_user = TOPIC_ORCHESTRATOR_USER,
                                .operators = "",
                                .has_password_file = true,
                                .has_acl_file = true};
    options->guard = guard_defaults(options->root);
    for (size_t i = 0; i < count; i++) {
        enum tc_error error = read_option(&texts[i], options, fault);
        if (error != TC_OK)
            return error;
    }
    if (options->guard.enforces && options->device_issuer_file == NULL && !options->guard.is_insecure)
        return tc_fault_set(fault, TC_INVALID,
                            "plugin_opt_device_issuer_file: is missing; expected the PEM file of the "
                            "authority that issues the devices' certificates");
    return TC_OK;
}

bool options_has_operator(const struct options *options, const char *user)
{
    size_t length = strlen(user);
    for (const char *at = options->operators; length > 0 && *at != '\0';) {
        size_t part = strcspn(at, ",");
        if (part == length && memcmp(at, user, length) == 0)
            return true;
        at += part + (at[part] == ',');
    }
    return false;
}
