#include "orchestrator/keys/key_files.h"

#include "base/file.h"
#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char first_file[] = "signing-key.json", more_folder[] = "signing-keys", suffix[] = ".json";

static enum tc_error add_file(const char *path, struct key_ring *ring, struct tc_fault *fault)
{
    struct signing_key *key;
    enum tc_error error = signing_key_open(path, &key, fault);
    if (error == TC_OK && !key_ring_add(ring, key)) {
        signing_key_close(key);
        error = tc_fault_set(fault, TC_TOO_LARGE, "%s: more than %d signing keys: remove the files of retired ones",
                             path, KEY_RING_OWN_MAX);
    }
    return error;
}

static enum tc_error open_first(const char *folder, struct key_ring *ring, struct tc_fault *fault)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/%s", folder, first_file);
    if (access(path, F_OK) != 0) {
        enum tc_error error = signing_key_create(path, fault);
        if (error == TC_OK)
            LOG_INFO("key.created", F_STR("file", path));
        else if (error != TC_CONFLICT) /* another orchestrator with this folder created it first */
            return error;
    }
    return add_file(path, ring, fault);
}

static bool is_key_file(const char *name)
{
    size_t length = strlen(name);
    return name[0] != '.' && length > sizeof suffix - 1 && strcmp(name + length - (sizeof suffix - 1), suffix) == 0;
}

static enum tc_error open_more(const char *folder, struct key_ring *ring, struct tc_fault *fault)
{
    char path[PATH_MAX], file[PATH_MAX + NAME_MAX + 2];
    (void)snprintf(path, sizeof path, "%s/%s", folder, more_folder);
    DIR *found = opendir(path);
    if (found == NULL)
        return errno == ENOENT ? TC_OK : tc_fault_set(fault, error_from_errno(errno), "%s: %s", path, strerror(errno));
    enum tc_error error = TC_OK;
    for (const struct dirent *entry = readdir(found); entry != NULL && error == TC_OK; entry = readdir(found)) {
        (void)snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        if (is_key_file(entry->d_name))
            error = add_file(file, ring, fault);
    }
    (void)closedir(found);
    return error;
}

enum tc_error key_files_open(const char *folder, struct key_ring *ring, struct tc_fault *fault)
{
    enum tc_error error = file_make_folders(folder, 0750, fault);
    if (error == TC_OK)
        error = open_first(folder, ring, fault);
    if (error == TC_OK)
        error = open_more(folder, ring, fault);
    return error;
}

enum tc_error key_files_create(const char *folder, struct key_ring *ring, struct tc_fault *fault)
{
    char path[PATH_MAX], fresh[PATH_MAX + 32], named[PATH_MAX + TC_ID_SIZE + 8];
    struct signing_key *key;
    (void)snprintf(path, sizeof path, "%s/%s", folder, more_folder);
    (void)snprintf(fresh, sizeof fresh, "%s/.new-%d", path, (int)getpid());
    (void)unlink(fresh);
    enum tc_error error = file_make_folders(path, 0700, fault);
    if (error == TC_OK)
        error = signing_key_create(fresh, fault);
    if (error == TC_OK)
        error = signing_key_open(fresh, &key, fault);
    if (error != TC_OK)
        return error;
    (void)snprintf(named, sizeof named, "%s/%s%s", path, signing_key_id(key), suffix);
    if (rename(fresh, named) != 0)
        error = tc_fault_set(fault, error_from_errno(errno), "%s: %s", named, strerror(errno));
    if (error == TC_OK)
        error = file_sync_folder_of(named, fault);
    if (error == TC_OK && !key_ring_add(ring, key))
        error = tc_fault_set(fault, TC_TOO_LARGE, "%s: more than %d signing keys: remove the files of retired ones",
                             path, KEY_RING_OWN_MAX);
    if (error == TC_OK)
        LOG_INFO("key.created", F_STR("file", named));
    else
        signing_key_close(key);
    return error;
}

enum tc_error key_files_write_trusted(const char *folder, const struct key_set *set, struct tc_fault *fault)
{
    char path[PATH_MAX];
    struct buffer document = {0};
    (void)snprintf(path, sizeof path, "%s/trusted-keys.json", folder);
    buffer_put_text(&document, "{\"keys\":[");
    for (size_t i = 0; i < set->key_count; i++)
        buffer_format(
            &document,
            "%s{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"alg\":\"EdDSA\",\"use\":\"sig\",\"kid\":\"%s\",\"x\":\"%s\"}",
            i == 0 ? "" : ",\n", set->keys[i].id, set->keys[i].x);
    buffer_put_text(&document, "]}\n");
    enum tc_error error = file_replace(path, document.bytes, document.length, 0644, fault);
    buffer_free(&document);
    return error;
}
