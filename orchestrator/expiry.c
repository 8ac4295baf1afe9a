#include "orchestrator/expiry.h"

#include "base/file.h"
#include "base/log.h"
#include "orchestrator/store/acts.h"
#include "pki/detached.h"
#include "pki/key.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MODE = 0440 };

/* The acts on their way out. */
struct export
{
    struct store *store;
    EVP_PKEY *key;
    char path[PATH_MAX], signature_path[PATH_MAX];
    struct expired_acts acts;
    int64_t count;
};

static enum tc_error name_files(struct export *export, const char *folder, struct tc_fault *fault)
{
    int length = snprintf(export->path, sizeof export->path, "%s/acts-%" PRId64 "-%" PRId64 ".jsonl", folder,
                          export->acts.first, export->acts.last);
    int signature_length = snprintf(export->signature_path, sizeof export->signature_path, "%s.sig", export->path);
    if (length < 0 || signature_length < 0 || (size_t)signature_length >= sizeof export->signature_path)
        return tc_fault_set(fault, TC_INVALID, "--out: the path is too long");
    return TC_OK;
}

static enum tc_error create(const char *path, int *file, struct tc_fault *fault)
{
    *file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    if (*file >= 0)
        return TC_OK;
    return tc_fault_set(fault, errno == EEXIST ? TC_CONFLICT : error_from_errno(errno), "%s: cannot create: %s", path,
                        strerror(errno));
}

static enum tc_error finish(const char *path, int file, enum tc_error error, struct tc_fault *fault)
{
    if (error == TC_OK && fsync(file) != 0)
        error = tc_fault_set(fault, error_from_errno(errno), "%s: %s", path, strerror(errno));
    (void)close(file);
    return error == TC_OK ? file_sync_folder_of(path, fault) : error;
}

static enum tc_error write_pages(struct export *export, int file, struct detached_signature *signature,
                                 struct tc_fault *fault)
{
    int64_t after = 0;
    int count = 1;
    enum tc_error error = TC_OK;
    while (error == TC_OK && count > 0) {
        struct buffer lines = {0};
        error = acts_read_expired(export->store, &after, export->acts.last, &count, &lines, fault);
        if (error == TC_OK)
            error = file_write_all(file, buffer_text(&lines), lines.length, fault);
        if (error == TC_OK)
            error = detached_signature_add(signature, buffer_text(&lines), lines.length, fault);
        buffer_free(&lines);
        export->count += count;
    }
    return error;
}

static enum tc_error write_signature(const struct export *export, struct detached_signature *signature,
                                     struct tc_fault *fault)
{
    struct buffer bytes = {0};
    int file;
    enum tc_error error = detached_signature_end(signature, &bytes, fault);
    if (error == TC_OK)
        error = create(export->signature_path, &file, fault);
    if (error == TC_OK)
        error = finish(export->signature_path, file, file_write_all(file, bytes.bytes, bytes.length, fault), fault);
    buffer_free(&bytes);
    return error;
}

/* The file of the acts is there when the signature is. */
static enum tc_error write_files(struct export *export, struct tc_fault *fault)
{
    struct detached_signature *signature = NULL;
    int file;
    enum tc_error error = detached_signature_begin(export->key, &signature, fault);
    if (error != TC_OK)
        return tc_fault_context(fault, "--key");
    error = create(export->path, &file, fault);
    if (error == TC_OK) {
        error = finish(export->path, file, write_pages(export, file, signature, fault), fault);
        if (error == TC_OK)
            error = write_signature(export, signature, fault);
        if (error != TC_OK)
            (void)unlink(export->path);
    }
    detached_signature_free(signature);
    return error;
}

static enum tc_error export_and_delete(struct export *export, const char *folder, struct act *act,
                                       struct tc_fault *fault)
{
    char first[24], last[24];
    if (export->acts.last == 0)
        return TC_OK;
    (void)snprintf(first, sizeof first, "%" PRId64, export->acts.first);
    (void)snprintf(last, sizeof last, "%" PRId64, export->acts.last);
    act_set_details(act, "first", first, "last", last);
    enum tc_error error = name_files(export, folder, fault);
    if (error == TC_OK)
        error = write_files(export, fault);
    return error == TC_OK ? acts_delete_expired(export->store, export->acts.last, export->count, fault) : error;
}

/* A transaction in which nothing expired leaves no act. */
static enum tc_error expire(struct export *export, int64_t retention_ms, const char *folder, struct tc_fault *fault)
{
    const struct subject machine = {.kind = SUBJECT_UNKNOWN, .credential = "the owner of the tables"};
    struct act act = act_begin(&machine, ACCESS_READ_AUDIT, "machine", "");
    act_set_verb(&act, "expire_acts");
    acts_set(export->store, &act);
    enum tc_error error = acts_begin_expiry(export->store, retention_ms, &export->acts, fault);
    if (error != TC_OK)
        return error;
    error = export_and_delete(export, folder, &act, fault);
    if (error == TC_OK && export->acts.last == 0)
        acts_set(export->store, NULL);
    error = acts_end(export->store, error, fault);
    if (error != TC_OK && export->count > 0)
        (void)tc_fault_context(fault, "no act is deleted; delete %s*", export->path);
    return error;
}

static void report(const struct export *export)
{
    if (export->acts.last == 0) {
        LOG_INFO("acts.none_expired");
        return;
    }
    LOG_WARNING("acts.expired", F_INT("first", export->acts.first), F_INT("last", export->acts.last),
                F_INT("acts", export->count), F_STR("file", export->path));
    (void)printf("%s\n", export->path);
}

enum tc_error expiry_run(const struct daemon_settings *settings, const char *folder, const char *key_file,
                         struct tc_fault *fault)
{
    const char *own = settings->database_migration;
    struct export export = {.key = NULL};
    enum tc_error error = pki_key_open(key_file, &export.key, fault);
    if (error != TC_OK)
        return tc_fault_context(fault, "--key");
    error = store_open(*own == '\0' ? settings->database : own, "tellercastd audit", &export.store, fault);
    if (error == TC_OK) {
        store_allow_long(export.store);
        error = expire(&export, settings->audit_retention_ms, folder, fault);
        store_close(export.store);
    }
    pki_key_free(export.key);
    if (error == TC_OK)
        report(&export);
    return error;
}
