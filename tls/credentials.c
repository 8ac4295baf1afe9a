#include "tls/credentials.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "tls/pem.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_COUNT = 3, PATH_SIZE = 40, FILE_SIZE_MAX = 1 << 20, VALIDITY_PARTS = 5, DIGEST_SIZE = 32 };
enum { CA, CERTIFICATE, KEY };

static const int64_t day_ms = INT64_C(86400000);

/* What tells one content of a file from another without reading it. */
struct version {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed; /* its content, its owner or its mode */
};

struct content {
    struct version versions[FILE_COUNT];
    struct buffer texts[FILE_COUNT];
    unsigned char digests[FILE_COUNT][DIGEST_SIZE];
    int64_t begins_ms, expires_ms;
};

/* The files, and the names of their settings. */
struct source {
    char *name; /* of the group */
    char *keys[FILE_COUNT];
    char *files[FILE_COUNT]; /* "": none */
    enum tc_error (*check_ca)(const struct buffer *present, const struct buffer *fresh, struct tc_fault *fault);
    bool is_certificate_awaited;
};

struct credentials {
    struct source source;
    int copies[FILE_COUNT];
    char paths[FILE_COUNT][PATH_SIZE];
    bool is_in_use; /* the copies hold files that were checked */
    struct version versions[FILE_COUNT], refused[FILE_COUNT];
    unsigned char digests[FILE_COUNT][DIGEST_SIZE];
    struct buffer ca; /* in use */
    bool is_refusal_logged;
    int64_t begins_ms, expires_ms;
    int64_t warned_ms; /* boot clock; 0: not yet */
};

static bool is_set(const char *text)
{
    return text[0] != '\0';
}

static void read_versions(char *const files[FILE_COUNT], struct version versions[FILE_COUNT])
{
    struct stat seen;
    memset(versions, 0, FILE_COUNT * sizeof *versions);
    for (int i = 0; i < FILE_COUNT; i++) {
        if (is_set(files[i]) && stat(files[i], &seen) == 0)
            versions[i] = (struct version){seen.st_dev, seen.st_ino, seen.st_size, seen.st_ctim};
    }
}

static bool is_same(const struct version one[FILE_COUNT], const struct version other[FILE_COUNT])
{
    for (int i = 0; i < FILE_COUNT; i++) {
        if (one[i].device != other[i].device || one[i].inode != other[i].inode || one[i].size != other[i].size ||
            one[i].changed.tv_sec != other[i].changed.tv_sec || one[i].changed.tv_nsec != other[i].changed.tv_nsec)
            return false;
    }
    return true;
}

static void free_content(struct content *content)
{
    if (content->texts[KEY].bytes != NULL)
        OPENSSL_cleanse(content->texts[KEY].bytes, content->texts[KEY].length);
    for (int i = 0; i < FILE_COUNT; i++)
        buffer_free(&content->texts[i]);
}

static enum tc_error read_files(const struct source *source, struct content *content, struct tc_fault *fault)
{
    for (int i = 0; i < FILE_COUNT; i++) {
        struct buffer *text = &content->texts[i];
        const char *file = source->files[i];
        enum tc_error error = !is_set(file) ? TC_OK
                              : i == KEY    ? file_read_private(file, FILE_SIZE_MAX, text, fault)
                                            : file_read(file, FILE_SIZE_MAX, text, fault);
        if (error != TC_OK)
            return tc_fault_context(fault, "%s.%s", source->name, source->keys[i]);
        TC_CHECK(EVP_Digest(buffer_text(&content->texts[i]), content->texts[i].length, content->digests[i], NULL,
                            EVP_sha256(), NULL) == 1);
    }
    return TC_OK;
}

static enum tc_error check_authorities(const struct source *source, const struct buffer *present,
                                       const struct buffer *fresh, struct tc_fault *fault)
{
    enum tc_error error = pem_check_authorities(fresh, fault);
    return error == TC_OK && source->check_ca != NULL ? source->check_ca(present, fresh, fault) : error;
}

/* `present`: the authorities in use; NULL: none. Call free_content after a fault, too. */
static enum tc_error read_content(const struct source *source, const struct buffer *present, struct content *content,
                                  struct tc_fault *fault)
{
    char *const *files = source->files, *const *keys = source->keys;
    *content = (struct content){.expires_ms = CREDENTIALS_NO_EXPIRY};
    read_versions(files, content->versions);
    enum tc_error error = read_files(source, content, fault);
    if (error == TC_OK && is_set(files[CA]) && check_authorities(source, present, &content->texts[CA], fault) != TC_OK)
        error = tc_fault_context(fault, "%s.%s: %s", source->name, keys[CA], files[CA]);
    if (error == TC_OK && is_set(files[CERTIFICATE]) &&
        pem_check_pair(&content->texts[CERTIFICATE], &content->texts[KEY], &content->begins_ms, &content->expires_ms,
                       fault) != TC_OK)
        error = tc_fault_context(fault, "%s.%s: %s", source->name, keys[CERTIFICATE], files[CERTIFICATE]);
    return error;
}

static char *copy_of(const char *text)
{
    char *copy = strdup(text);
    TC_CHECK(copy != NULL);
    return copy;
}

static struct source open_source(const struct credentials_files *files)
{
    return (struct source){
        .name = copy_of(files->name),
        .keys = {[CA] = copy_of(files->ca_key == NULL ? "ca_file" : files->ca_key),
                 [CERTIFICATE] = copy_of("certificate_file"),
                 [KEY] = copy_of("key_file")},
        .files = {[CA] = copy_of(files->ca_file),
                  [CERTIFICATE] = copy_of(files->certificate_file),
                  [KEY] = copy_of(files->key_file)},
        .check_ca = files->check_ca,
        .is_certificate_awaited = files->is_certificate_awaited,
    };
}

static void close_source(struct source *source)
{
    for (int i = 0; i < FILE_COUNT; i++) {
        free(source->keys[i]);
        free(source->files[i]);
    }
    free(source->name);
}

enum tc_error credentials_check(const struct credentials_files *files, struct tc_fault *fault)
{
    struct source source = open_source(files);
    struct content content;
    enum tc_error error = read_content(&source, NULL, &content, fault);
    free_content(&content);
    close_source(&source);
    return error;
}

/* ---- the copies ---- */

/* Returns the descriptor of a file without a name that holds `text`. */
static int make_copy(const struct buffer *text, struct tc_fault *fault)
{
    int copy = memfd_create("tellercast-credentials", MFD_CLOEXEC);
    if (copy < 0)
        (void)tc_fault_set(fault, TC_UNAVAILABLE, "memfd_create: %s", strerror(errno));
    if (copy >= 0 && fchmod(copy, S_IRUSR | S_IWUSR) != 0) {
        (void)tc_fault_set(fault, TC_UNAVAILABLE, "fchmod: %s", strerror(errno));
        (void)close(copy);
        copy = -1;
    }
    if (copy >= 0 && file_write_all(copy, buffer_text(text), text->length, fault) != TC_OK) {
        (void)close(copy);
        copy = -1;
    }
    return copy;
}

/* Each path leads to the new file from one moment to the next; who has opened the old one reads that to its end. */
static enum tc_error use(struct credentials *credentials, const struct content *content, struct tc_fault *fault)
{
    int copies[FILE_COUNT] = {-1, -1, -1};
    enum tc_error error = TC_OK;
    for (int i = 0; i < FILE_COUNT && error == TC_OK; i++) {
        copies[i] = make_copy(&content->texts[i], fault);
        error = copies[i] < 0 ? fault->code : TC_OK;
    }
    for (int i = 0; i < FILE_COUNT; i++) {
        if (error == TC_OK)
            TC_CHECK(dup3(copies[i], credentials->copies[i], O_CLOEXEC) >= 0);
        if (copies[i] >= 0)
            (void)close(copies[i]);
    }
    if (error == TC_OK) {
        memcpy(credentials->versions, content->versions, sizeof credentials->versions);
        memcpy(credentials->digests, content->digests, sizeof credentials->digests);
        buffer_clear(&credentials->ca);
        buffer_put(&credentials->ca, buffer_text(&content->texts[CA]), content->texts[CA].length);
        credentials->begins_ms = content->begins_ms;
        credentials->expires_ms = content->expires_ms;
        credentials->warned_ms = 0;
        credentials->is_in_use = true;
    }
    return error;
}

/* ---- watching ---- */

static void log_taken(const struct credentials *credentials)
{
    if (!is_set(credentials->source.files[CA]) && !is_set(credentials->source.files[CERTIFICATE]))
        return;
    char expires[TC_TIME_TEXT_SIZE] = "";
    if (credentials->expires_ms != CREDENTIALS_NO_EXPIRY)
        clock_format(credentials->expires_ms, expires);
    LOG_INFO("certificate.taken", F_STR("name", credentials->source.name), F_STR("expires", expires));
}

static void warn_of_expiry(struct credentials *credentials, int64_t now_ms)
{
    if (credentials->expires_ms == CREDENTIALS_NO_EXPIRY || now_ms == CREDENTIALS_TIME_UNKNOWN)
        return;
    int64_t validity_ms = credentials->expires_ms - credentials->begins_ms, boot_ms = clock_boot_ms();
    bool is_soon = credentials->expires_ms - now_ms < validity_ms / VALIDITY_PARTS;
    if (!is_soon || (credentials->warned_ms != 0 && boot_ms - credentials->warned_ms < day_ms))
        return;
    char expires[TC_TIME_TEXT_SIZE];
    clock_format(credentials->expires_ms, expires);
    LOG_WARNING("certificate.expires_soon", F_STR("name", credentials->source.name),
                F_STR("file", credentials->source.files[CERTIFICATE]), F_STR("expires", expires));
    credentials->warned_ms = boot_ms;
}

/* Whether the fault is that there is no certificate yet, and was none. */
static bool is_missing(const struct credentials *credentials, const struct version versions[FILE_COUNT],
                       const struct tc_fault *fault)
{
    const struct source *source = &credentials->source;
    bool has_ca = !is_set(source->files[CA]) || versions[CA].inode != 0;
    bool has_none = is_set(source->files[CERTIFICATE]) && versions[CERTIFICATE].inode == 0;
    return !credentials->is_in_use && fault->code == TC_NOT_FOUND && has_ca && has_none;
}

static void log_refusal(const struct credentials *credentials, bool is_certificate_missing,
                        const struct tc_fault *fault)
{
    const struct source *source = &credentials->source;
    if (is_certificate_missing && source->is_certificate_awaited)
        LOG_INFO("certificate.missing", F_STR("name", source->name), F_STR("file", source->files[CERTIFICATE]));
    else if (is_certificate_missing)
        LOG_ERROR("certificate.missing", F_STR("name", source->name), F_STR("file", source->files[CERTIFICATE]));
    else
        LOG_ERROR("certificate.refused", F_STR("name", source->name), F_STR("reason", fault->text),
                  F_STR("in_use", credentials->is_in_use ? "the one before" : "none"));
}

/* Files that do not work may be in the middle of being replaced: only what stays the same is refused. */
static void refuse(struct credentials *credentials, const struct version versions[FILE_COUNT],
                   const struct tc_fault *fault)
{
    bool is_settled = is_same(credentials->refused, versions);
    memcpy(credentials->refused, versions, sizeof credentials->refused);
    if (is_settled && !credentials->is_refusal_logged)
        log_refusal(credentials, is_missing(credentials, versions, fault), fault);
    credentials->is_refusal_logged = is_settled;
}

static bool take_new(struct credentials *credentials)
{
    struct version now[FILE_COUNT];
    struct content content;
    struct tc_fault fault;
    read_versions(credentials->source.files, now);
    if ((credentials->is_in_use && is_same(credentials->versions, now)) ||
        (credentials->is_refusal_logged && is_same(credentials->refused, now)))
        return false;
    const struct buffer *present = credentials->is_in_use ? &credentials->ca : NULL;
    enum tc_error error = read_content(&credentials->source, present, &content, &fault);
    bool is_new = !credentials->is_in_use || memcmp(credentials->digests, content.digests, sizeof content.digests) != 0;
    if (error == TC_OK && !is_new)
        memcpy(credentials->versions, content.versions, sizeof credentials->versions);
    else if (error == TC_OK)
        error = use(credentials, &content, &fault);
    if (error != TC_OK)
        refuse(credentials, content.versions, &fault);
    else if (is_new)
        log_taken(credentials);
    free_content(&content);
    return error == TC_OK && is_new;
}

bool credentials_watch(struct credentials *credentials, int64_t now_ms)
{
    bool is_new = take_new(credentials);
    warn_of_expiry(credentials, now_ms);
    return is_new;
}

/* ---- opening and closing ---- */

enum tc_error credentials_open(const struct credentials_files *files, struct credentials **credentials,
                               struct tc_fault *fault)
{
    struct credentials *opened = calloc(1, sizeof *opened);
    TC_CHECK(opened != NULL);
    opened->source = open_source(files);
    opened->expires_ms = CREDENTIALS_NO_EXPIRY;
    enum tc_error error = TC_OK;
    for (int i = 0; i < FILE_COUNT; i++) {
        opened->copies[i] = make_copy(&(struct buffer){0}, fault);
        if (opened->copies[i] < 0)
            error = fault->code;
        else if (is_set(opened->source.files[i]))
            (void)snprintf(opened->paths[i], PATH_SIZE, "/proc/self/fd/%d", opened->copies[i]);
    }
    if (error != TC_OK) {
        credentials_close(opened);
        return error;
    }
    read_versions(opened->source.files, opened->refused); /* at the start, nothing is being replaced */
    (void)take_new(opened);
    *credentials = opened;
    return TC_OK;
}

void credentials_close(struct credentials *credentials)
{
    if (credentials == NULL)
        return;
    for (int i = 0; i < FILE_COUNT; i++) {
        if (credentials->copies[i] >= 0)
            (void)close(credentials->copies[i]);
    }
    buffer_free(&credentials->ca);
    close_source(&credentials->source);
    free(credentials);
}

const char *credentials_ca_path(const struct credentials *credentials)
{
    return credentials->paths[CA];
}

const char *credentials_certificate_path(const struct credentials *credentials)
{
    return credentials->paths[CERTIFICATE];
}

const char *credentials_key_path(const struct credentials *credentials)
{
    return credentials->paths[KEY];
}

int64_t credentials_expiry_ms(const struct credentials *credentials)
{
    return credentials->expires_ms;
}
