#include "clients/agent/runtime_folders.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static const char connected_name[] = "connected";

char *runtime_path(const struct runtime *runtime, const char *name)
{
    struct buffer path = {0};
    buffer_format(&path, "%s/%s", runtime->data_folder, name);
    return path.bytes;
}

/* Two agents with one journal would run each instruction twice. */
static enum tc_error lock_folder(struct runtime *runtime, struct tc_fault *fault)
{
    char *path = runtime_path(runtime, "agent.lock");
    enum tc_error error = TC_OK;
    runtime->folder_lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (runtime->folder_lock < 0)
        error = tc_fault_set(fault, error_from_errno(errno), "%s: %s", path, strerror(errno));
    else if (flock(runtime->folder_lock, LOCK_EX | LOCK_NB) != 0)
        error = tc_fault_set(fault, TC_CONFLICT, "%s: another agent uses this folder", runtime->data_folder);
    free(path);
    return error;
}

/* Installers run in another folder, so every path they are given is absolute. */
static enum tc_error absolute_folder(const char *path, char **absolute, struct tc_fault *fault)
{
    enum tc_error error = file_make_folders(path, 0700, fault);
    if (error != TC_OK)
        return error;
    *absolute = realpath(path, NULL);
    return *absolute != NULL ? TC_OK : tc_fault_set(fault, TC_UNAVAILABLE, "%s: %s", path, strerror(errno));
}

enum tc_error runtime_note_connected(const struct runtime *runtime, struct tc_fault *fault)
{
    char program[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length < 0)
        return tc_fault_set(fault, TC_UNAVAILABLE, "/proc/self/exe: %s", strerror(errno));
    program[length] = '\n';
    char *path = runtime_path(runtime, connected_name);
    enum tc_error error = file_replace(path, program, (size_t)length + 1, 0644, fault);
    free(path);
    return error;
}

static void forget_connected(const struct runtime *runtime)
{
    char *path = runtime_path(runtime, connected_name);
    (void)unlink(path);
    free(path);
}

enum tc_error runtime_open_folders(struct runtime *runtime, struct tc_fault *fault)
{
    const struct agent_settings *settings = runtime->settings;
    enum tc_error error = absolute_folder(settings->data_folder, &runtime->data_folder, fault);
    if (error != TC_OK)
        return error;
    runtime->install_lock = runtime_path(runtime, "installer.lock");
    char *install_folder =
        settings->actions.folder[0] == '\0' ? runtime_path(runtime, "installed") : strdup(settings->actions.folder);
    TC_CHECK(install_folder != NULL);
    error = absolute_folder(install_folder, &runtime->install_folder, fault);
    free(install_folder);
    if (error == TC_OK)
        error = lock_folder(runtime, fault);
    if (error == TC_OK)
        forget_connected(runtime);
    return error;
}
