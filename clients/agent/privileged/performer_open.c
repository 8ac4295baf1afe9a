#include "base/buffer.h"
#include "base/file.h"
#include "clients/agent/privileged/performer_state.h"
#include "clients/agent/privileged/staging.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { FOLDER_MODE = 0700 };

static char *path_in(const char *folder, const char *name)
{
    struct buffer path = {0};
    buffer_format(&path, "%s/%s", folder, name);
    return path.bytes;
}

/* Executables run in another folder: each path is absolute. */
static enum tc_error make_folder(const char *path, char **absolute, struct tc_fault *fault)
{
    enum tc_error error = file_make_folders(path, FOLDER_MODE, fault);
    if (error != TC_OK)
        return error;
    *absolute = realpath(path, NULL);
    return *absolute != NULL ? TC_OK : tc_fault_set(fault, TC_UNAVAILABLE, "%s: %s", path, strerror(errno));
}

/* The folder may belong to another user. */
static enum tc_error check_working_folder(const char *path, struct tc_fault *fault)
{
    int folder = file_open_folder(path);
    if (folder < 0)
        return tc_fault_set(fault, TC_DENIED,
                            "actions.folder: %s: must be a folder, without symbolic links in its path", path);
    (void)close(folder);
    return TC_OK;
}

static enum tc_error lock_state(struct performer *performer, const char *state_folder, struct tc_fault *fault)
{
    char *path = path_in(state_folder, "install.lock");
    enum tc_error error = TC_OK;
    performer->folder_lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (performer->folder_lock < 0)
        error = tc_fault_set(fault, error_from_errno(errno), "%s: %s", path, strerror(errno));
    else if (flock(performer->folder_lock, LOCK_EX | LOCK_NB) != 0)
        error = tc_fault_set(fault, TC_CONFLICT, "%s: another tellercast-install uses this folder", state_folder);
    free(path);
    return error;
}

static enum tc_error open_state(struct performer *performer, struct tc_fault *fault)
{
    const struct install_settings *settings = performer->settings;
    char *state_folder = NULL;
    enum tc_error error = make_folder(settings->state_folder, &state_folder, fault);
    if (error != TC_OK)
        return error;
    performer->working_folder =
        settings->actions.folder[0] == '\0' ? path_in(state_folder, "installed") : strdup(settings->actions.folder);
    TC_CHECK(performer->working_folder != NULL);
    performer->staging_path = path_in(state_folder, "staging");
    performer->artifact_path = path_in(performer->staging_path, PERFORMER_ARTIFACT);
    performer->parameters_path = path_in(performer->staging_path, "parameters.json");
    performer->lock_path = path_in(state_folder, "installer.lock");
    performer->learned_path = path_in(state_folder, "learned-keys.json");
    error = file_make_folders(performer->working_folder, FOLDER_MODE, fault);
    if (error == TC_OK)
        error = check_working_folder(performer->working_folder, fault);
    if (error == TC_OK)
        error = lock_state(performer, state_folder, fault);
    if (error == TC_OK)
        error = staging_open(performer->staging_path, &performer->staging, fault);
    if (error == TC_OK) {
        char *journal = path_in(state_folder, "journal");
        error = admission_open(journal, settings->device, &performer->key, &performer->admission, fault);
        free(journal);
    }
    free(state_folder);
    return error;
}

enum tc_error performer_open(const struct install_settings *settings, struct performer **performer,
                             struct tc_fault *fault)
{
    struct performer *opened = calloc(1, sizeof *opened);
    TC_CHECK(opened != NULL);
    opened->settings = settings;
    opened->folder_lock = -1;
    opened->staging = -1;
    (void)pthread_mutex_init(&opened->mutex, NULL);
    enum tc_error error = proof_key_make(&opened->key, fault);
    if (error == TC_OK)
        error = open_state(opened, fault);
    if (error == TC_OK)
        error = mask_open(settings->actions.mask, &opened->mask, fault);
    if (error != TC_OK) {
        performer_close(opened);
        opened = NULL;
    }
    *performer = opened;
    return error;
}

void performer_close(struct performer *performer)
{
    if (performer == NULL)
        return;
    admission_close(performer->admission);
    mask_close(performer->mask);
    if (performer->staging >= 0)
        (void)close(performer->staging);
    if (performer->folder_lock >= 0)
        (void)close(performer->folder_lock);
    (void)pthread_mutex_destroy(&performer->mutex);
    free(performer->staging_path);
    free(performer->learned_path);
    free(performer->artifact_path);
    free(performer->parameters_path);
    free(performer->lock_path);
    free(performer->working_folder);
    free(performer);
}
