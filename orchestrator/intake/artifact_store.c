#include "orchestrator/intake/artifact_store.h"

#include "base/file.h"
#include "base/log.h"
#include "orchestrator/intake/artifact_store_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FOLDER_MODE = 0750, FILE_MODE = 0640, DIGEST_LENGTH = 64 };

enum tc_error artifact_fault_from_errno(struct tc_fault *fault, const char *what, const char *path)
{
    int number = errno;
    enum tc_error error = number == EFBIG ? TC_NO_SPACE : error_from_errno(number);
    return tc_fault_set(fault, error, "%s: %s: %s", path, what, strerror(number));
}

static void path_format(char path[static PATH_MAX], const char *folder, const char *name)
{
    int length = snprintf(path, PATH_MAX, "%s/%s", folder, name);
    TC_CHECK(length > 0 && length < PATH_MAX);
}

void artifact_path(const struct artifact_store *store, const char *sha256, char path[static PATH_MAX])
{
    TC_CHECK(strlen(sha256) == DIGEST_LENGTH);
    int length = snprintf(path, PATH_MAX, "%s/%.2s/%s", store->folder, sha256, sha256);
    TC_CHECK(length > 0 && length < PATH_MAX);
}

/* An upload holds a lock on its file, which a crash releases. */
static bool remove_leftover(const char *path)
{
    int file = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0)
        return false;
    bool removed = flock(file, LOCK_EX | LOCK_NB) == 0 && unlink(path) == 0;
    (void)close(file);
    return removed;
}

static enum tc_error remove_leftovers(struct artifact_store *store, struct tc_fault *fault)
{
    DIR *folder = opendir(store->incoming);
    if (folder == NULL)
        return artifact_fault_from_errno(fault, "open", store->incoming);
    int count = 0;
    const struct dirent *entry;
    /* cppcheck-suppress readdirCalled ; only this thread uses the stream */
    while ((entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        char path[PATH_MAX];
        path_format(path, store->incoming, entry->d_name);
        if (remove_leftover(path))
            count++;
    }
    (void)closedir(folder);
    if (count > 0)
        LOG_INFO("artifact.leftovers_removed", F_INT("files", count));
    return TC_OK;
}

enum tc_error artifact_store_open(const char *folder, int64_t daily_bytes, struct artifact_store **store,
                                  struct tc_fault *fault)
{
    if (strlen(folder) > ARTIFACT_FOLDER_PATH_MAX)
        return tc_fault_set(fault, TC_INVALID, "%s: the path is longer than %d bytes", folder,
                            ARTIFACT_FOLDER_PATH_MAX);
    struct artifact_store *made = calloc(1, sizeof *made);
    TC_CHECK(made != NULL);
    path_format(made->incoming, folder, "incoming");
    (void)snprintf(made->folder, sizeof made->folder, "%s", folder);
    TC_CHECK(pthread_mutex_init(&made->mutex, NULL) == 0);
    made->quota = upload_quota_open(ARTIFACT_UPLOADS_MAX, daily_bytes);
    enum tc_error error = file_make_folders(made->incoming, FOLDER_MODE, fault);
    if (error == TC_OK)
        error = remove_leftovers(made, fault);
    if (error != TC_OK) {
        artifact_store_close(made);
        return error;
    }
    *store = made;
    return TC_OK;
}

void artifact_store_close(struct artifact_store *store)
{
    if (store == NULL)
        return;
    (void)pthread_mutex_destroy(&store->mutex);
    upload_quota_close(store->quota);
    buffer_free(&store->noted);
    free(store);
}

/* Returns the noted file, or NULL. The caller holds the mutex. */
static struct noted_file *find_noted(struct artifact_store *store, const char *sha256)
{
    struct noted_file *files = (void *)store->noted.bytes;
    for (size_t i = 0; i < store->noted.length / sizeof *files; i++) {
        if (strcmp(files[i].sha256, sha256) == 0)
            return &files[i];
    }
    return NULL;
}

bool artifact_store_recall(struct artifact_store *store, const char *sha256, struct artifact_standing *standing)
{
    (void)pthread_mutex_lock(&store->mutex);
    const struct noted_file *file = find_noted(store, sha256);
    if (file != NULL)
        *standing = file->standing;
    (void)pthread_mutex_unlock(&store->mutex);
    return file != NULL;
}

void artifact_store_note(struct artifact_store *store, const char *sha256, const struct artifact_standing *standing)
{
    struct noted_file noted = {.standing = *standing};
    TC_CHECK(strlen(sha256) == DIGEST_LENGTH);
    memcpy(noted.sha256, sha256, sizeof noted.sha256);
    (void)pthread_mutex_lock(&store->mutex);
    struct noted_file *file = find_noted(store, sha256);
    if (file != NULL)
        file->standing = *standing;
    else
        buffer_put(&store->noted, &noted, sizeof noted);
    (void)pthread_mutex_unlock(&store->mutex);
}

enum tc_error artifact_store_read(struct artifact_store *store, const char *sha256, int *file, int64_t *size_bytes,
                                  struct tc_fault *fault)
{
    char path[PATH_MAX];
    artifact_path(store, sha256, path);
    int opened = open(path, O_RDONLY | O_CLOEXEC);
    if (opened < 0 && errno == ENOENT)
        return tc_fault_set(fault, TC_NOT_FOUND, "no artifact with the digest %s is stored here", sha256);
    struct stat status;
    if (opened < 0 || fstat(opened, &status) != 0) {
        enum tc_error error = artifact_fault_from_errno(fault, "open", path);
        if (opened >= 0)
            (void)close(opened);
        return error;
    }
    *file = opened;
    *size_bytes = status.st_size;
    return TC_OK;
}

/* Locks a new file. Returns false when another orchestrator, at its start, removed it as a leftover. */
static bool lock_new(int file)
{
    struct stat status;
    return flock(file, LOCK_EX | LOCK_NB) == 0 && fstat(file, &status) == 0 && status.st_nlink == 1;
}

enum tc_error artifact_incoming_create(struct artifact_store *store, char path[static PATH_MAX], int *file,
                                       struct tc_fault *fault)
{
    for (;;) {
        path_format(path, store->incoming, "XXXXXX");
        int made = mkostemp(path, O_CLOEXEC);
        if (made < 0)
            return artifact_fault_from_errno(fault, "create", path);
        if (lock_new(made) && fchmod(made, FILE_MODE) == 0) {
            *file = made;
            return TC_OK;
        }
        (void)unlink(path);
        (void)close(made);
    }
}

enum tc_error artifact_store_scratch(struct artifact_store *store, int *file, struct tc_fault *fault)
{
    char path[PATH_MAX];
    enum tc_error error = artifact_incoming_create(store, path, file, fault);
    if (error == TC_OK)
        (void)unlink(path);
    return error;
}
