/* tellercast-install-file: the installer for an artifact that is one file. Its contract is the one of all
 * installers, docs/installers.md. It works in the folder it is called in: artifact NAME is the file NAME. */
#include "base/buffer.h"
#include "base/file.h"
#include "base/id.h"
#include "clients/installer/target.h"

#include <dirent.h>
#include <errno.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFIGURATION_FILE "configuration.json"

enum { EXIT_USAGE = 64, EXIT_NO_PREVIOUS = 66, EXIT_NO_SPACE = 73, PARAMETERS_SIZE_MAX = 1 << 20, PROGRESS_STEP = 5 };

static const char versions_suffix[] = ".versions";
static bool keeps_setuid;

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value == NULL ? "" : value;
}

static void print_progress(int percent)
{
    static int last = -PROGRESS_STEP;
    if (percent < last + PROGRESS_STEP)
        return;
    last = percent;
    (void)printf("progress %d copying\n", percent);
    (void)fflush(stdout);
}

static enum tc_error print_version(const char *name, struct tc_fault *fault)
{
    struct target target;
    char version[TC_ID_SIZE];
    enum tc_error error = target_open(&target, name, fault);
    if (error == TC_OK)
        error = target_version(&target, version, sizeof version, fault);
    if (error == TC_OK)
        (void)printf("version %s %s\n", name, version);
    target_close(&target);
    return error == TC_NOT_FOUND ? TC_OK : error;
}

/* Calls `visit` for each artifact ever installed here; stops at the first fault. */
static enum tc_error for_each_name(enum tc_error (*visit)(const char *name, void *context, struct tc_fault *fault),
                                   void *context, struct tc_fault *fault)
{
    enum tc_error error = TC_OK;
    DIR *folder = opendir(TARGET_FOLDER);
    if (folder == NULL)
        return errno == ENOENT ? TC_OK : tc_fault_set(fault, TC_UNAVAILABLE, TARGET_FOLDER ": %s", strerror(errno));
    for (struct dirent *entry = readdir(folder); entry != NULL && error == TC_OK; entry = readdir(folder)) {
        size_t length = strlen(entry->d_name), suffix_length = sizeof versions_suffix - 1;
        if (length <= suffix_length || strcmp(entry->d_name + length - suffix_length, versions_suffix) != 0)
            continue;
        entry->d_name[length - suffix_length] = '\0';
        error = visit(entry->d_name, context, fault);
    }
    (void)closedir(folder);
    return error;
}

static enum tc_error visit_version(const char *name, void *context, struct tc_fault *fault)
{
    (void)context;
    return print_version(name, fault);
}

static enum tc_error do_versions(struct tc_fault *fault)
{
    return for_each_name(visit_version, NULL, fault);
}

static enum tc_error do_install(struct tc_fault *fault)
{
    struct target target;
    const char *name = variable("TELLERCAST_ARTIFACT_NAME");
    const char *version = variable("TELLERCAST_ARTIFACT_VERSION");
    if (!name_is_valid(version, strlen(version)))
        return tc_fault_set(fault, TC_INVALID, "TELLERCAST_ARTIFACT_VERSION: found \"%s\", allowed: a version",
                            version);
    enum tc_error error = target_open(&target, name, fault);
    target.keeps_setuid = keeps_setuid;
    if (error == TC_OK)
        error = target_install(&target, variable("TELLERCAST_ARTIFACT_FILE"), version, print_progress, fault);
    target_close(&target);
    return error == TC_OK ? print_version(name, fault) : error;
}

struct only_name {
    char name[TC_ID_SIZE];
    size_t count;
};

static enum tc_error visit_only(const char *name, void *context, struct tc_fault *fault)
{
    struct only_name *only = context;
    (void)fault;
    only->count++;
    (void)snprintf(only->name, sizeof only->name, "%s", name);
    return TC_OK;
}

/* Sets `*is_wanted` to false when the instruction names a version that is not the installed one. */
static enum tc_error is_version_in_use(const struct target *target, bool *is_wanted, struct tc_fault *fault)
{
    char version[TC_ID_SIZE];
    const char *wanted = variable("TELLERCAST_ARTIFACT_VERSION");
    *is_wanted = true;
    if (wanted[0] == '\0')
        return TC_OK;
    enum tc_error error = target_version(target, version, sizeof version, fault);
    *is_wanted = error == TC_OK && strcmp(version, wanted) == 0;
    return error == TC_NOT_FOUND ? TC_OK : error;
}

/* Rolls back the named artifact, or the only one installed. */
static enum tc_error do_rollback(struct tc_fault *fault)
{
    struct target target;
    bool is_wanted = false;
    struct only_name only = {0};
    enum tc_error error = TC_OK;
    (void)snprintf(only.name, sizeof only.name, "%s", variable("TELLERCAST_ARTIFACT_NAME"));
    if (only.name[0] == '\0') {
        error = for_each_name(visit_only, &only, fault);
        if (error == TC_OK && only.count != 1)
            error = tc_fault_set(fault, TC_INVALID,
                                 "TELLERCAST_ARTIFACT_NAME is empty, and %zu artifacts are installed", only.count);
    }
    if (error == TC_OK)
        error = target_open(&target, only.name, fault);
    if (error != TC_OK)
        return error;
    target.keeps_setuid = keeps_setuid;
    error = is_version_in_use(&target, &is_wanted, fault);
    if (error == TC_OK && is_wanted)
        error = target_roll_back(&target, fault);
    target_close(&target);
    return error == TC_OK ? print_version(only.name, fault) : error;
}

static enum tc_error do_configure(struct tc_fault *fault)
{
    struct buffer parameters = {0};
    enum tc_error error = file_read(variable("TELLERCAST_PARAMETERS"), PARAMETERS_SIZE_MAX, &parameters, fault);
    if (error == TC_OK)
        error = file_replace(CONFIGURATION_FILE, buffer_text(&parameters), parameters.length, 0644, fault);
    buffer_free(&parameters);
    return error;
}

static int exit_code_of(const char *action, enum tc_error error)
{
    if (error == TC_NO_SPACE)
        return EXIT_NO_SPACE;
    return error == TC_NOT_FOUND && strcmp(action, "rollback") == 0 ? EXIT_NO_PREVIOUS : EXIT_FAILURE;
}

int main(int argument_count, char **arguments)
{
    static const struct {
        const char *name;
        enum tc_error (*run)(struct tc_fault *fault);
    } actions[] = {
        {"install", do_install},
        {"rollback", do_rollback},
        {"configure", do_configure},
        {"versions", do_versions},
    };
    struct tc_fault fault = {0};
    if (sodium_init() < 0)
        return EXIT_FAILURE;
    keeps_setuid = argument_count == 3 && strcmp(arguments[1], "--keep-setuid") == 0;
    if (keeps_setuid) {
        arguments++;
        argument_count--;
    }
    for (size_t i = 0; argument_count == 2 && i < sizeof actions / sizeof *actions; i++) {
        if (strcmp(arguments[1], actions[i].name) != 0)
            continue;
        enum tc_error error = actions[i].run(&fault);
        if (error == TC_OK)
            return EXIT_SUCCESS;
        (void)fprintf(stderr, "%s: %s\n", arguments[1], fault.text);
        return exit_code_of(arguments[1], error);
    }
    bool asks = argument_count == 2 && strcmp(arguments[1], "--help") == 0;
    (void)fprintf(asks ? stdout : stderr,
                  "Usage: tellercast-install-file [--keep-setuid] install|rollback|configure|versions\n"
                  "A Tellercast agent calls this program and sets its environment.\n"
                  "  --keep-setuid   keep the set-user-ID and set-group-ID bits, also of the previous file\n"
                  "  --help          print this help and exit\n");
    return asks ? EXIT_SUCCESS : EXIT_USAGE;
}
