/* The options of the plugin: plugin_opt_<name> in mosquitto's settings. `tellercast broker guard` prints them. */
#ifndef TELLERCAST_GUARD_PLUGIN_OPTIONS_H
#define TELLERCAST_GUARD_PLUGIN_OPTIONS_H

#include "base/fault.h"
#include "guard/guard.h"

#include <stdbool.h>
#include <stddef.h>

struct options {
    struct guard_config guard;
    char root[TOPIC_ROOT_MAX + 1];
    const char *device_issuer_file; /* NULL: none; the text belongs to the broker, as those below */
    const char *state_folder;       /* NULL: the table is not kept */
    const char *orchestrator_user;  /* of an orchestrator without a certificate */
    const char *operators;          /* without a certificate: names, joined by commas; "": none */
    /* In report mode: the broker has such a file, which decides. */
    bool has_password_file, has_acl_file;
};

struct option_text {
    const char *name, *value;
};

/* TC_INVALID names the option, what was found and what is allowed. */
enum tc_error options_read(const struct option_text *texts, size_t count, struct options *options,
                           struct tc_fault *fault);

/* Whether this user name, which nothing proves, is one of the operators. */
bool options_has_operator(const struct options *options, const char *user);

#endif
