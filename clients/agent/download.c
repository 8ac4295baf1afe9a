#include "clients/agent/download.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "clients/agent/download_transfer.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
    MS_PER_SECOND = 1000,
    WAIT_STEP_MS = 50,
    DIGEST_TRIES_MAX = 2, /* after a wrong digest of a resumed file, one fresh try */
};
/* A full disk is worse for a device than an old version. */
static const int64_t reserved_bytes = INT64_C(16) << 20;

/* True when the download must end first. */
static bool wait_before_next_try(const struct transfer *transfer, int64_t tries, struct download_result *result)
{
    const struct download_limits *limits = &transfer->request->limits;
    int64_t wait_ms = limits->backoff_first_ms;
    for (int64_t i = 1; i < tries && wait_ms < limits->backoff_longest_ms; i++)
        wait_ms *= 2;
    if (wait_ms > limits->backoff_longest_ms)
        wait_ms = limits->backoff_longest_ms;
    wait_ms = wait_ms / 2 + (int64_t)randombytes_uniform((uint32_t)(wait_ms / 2) + 1);
    int64_t until_ms = clock_boot_ms() + wait_ms;
    while (!download_must_end(transfer, result)) {
        if (clock_boot_ms() >= until_ms)
            return false;
        clock_sleep_ms(WAIT_STEP_MS);
    }
    return true;
}

static void note_progress(struct transfer *transfer, int64_t bytes)
{
    transfer->progress_bytes = bytes;
    transfer->progress_ms = clock_boot_ms();
}

static bool has_progressed(struct transfer *transfer)
{
    int64_t new_bytes = transfer->artifact.part_bytes - transfer->progress_bytes;
    int64_t elapsed_s = (clock_boot_ms() - transfer->progress_ms) / MS_PER_SECOND;
    if (new_bytes <= 0 || new_bytes < transfer->min_rate * elapsed_s)
        return false;
    note_progress(transfer, transfer->artifact.part_bytes);
    return true;
}

/* Connects until all bytes have arrived. Progress resets the count of tries without progress. */
static bool fetch(struct transfer *transfer, struct download_result *result)
{
    for (int64_t idle_tries = 0;;) {
        enum transfer_outcome outcome = transfer_try(transfer, result);
        if (outcome == TRANSFER_DONE)
            return true;
        artifact_file_close(&transfer->artifact);
        idle_tries = has_progressed(transfer) ? 0 : idle_tries + 1;
        if (outcome == TRANSFER_FAILED || idle_tries >= transfer->request->limits.tries)
            return false;
        LOG_INFO("download.again", F_STR("fault", result->detail), F_INT("bytes", transfer->artifact.part_bytes),
                 F_INT("fruitless_tries", idle_tries));
        if (wait_before_next_try(transfer, idle_tries, result))
            return false;
    }
}

static bool has_space(struct transfer *transfer, struct download_result *result)
{
    struct statvfs space;
    const struct download_request *request = transfer->request;
    if (request->size_bytes > request->limits.max_bytes) {
        download_set_result(result, "artifact_too_large", "%" PRId64 " bytes; allowed on this device: at most %" PRId64,
                            request->size_bytes, request->limits.max_bytes);
        return false;
    }
    if (statvfs(request->folder, &space) != 0) {
        download_set_result(result, "download_failed", "%s: %s", request->folder, strerror(errno));
        return false;
    }
    int64_t free_bytes = (int64_t)(space.f_bavail * space.f_frsize);
    struct stat part;
    int64_t part_bytes = stat(transfer->artifact.part, &part) == 0 ? part.st_size : 0;
    int64_t needed_bytes = request->size_bytes - part_bytes + reserved_bytes;
    note_progress(transfer, part_bytes);
    if (free_bytes >= needed_bytes)
        return true;
    download_set_result(result, "disk_full", "%" PRId64 " bytes are free, %" PRId64 " are needed", free_bytes,
                        needed_bytes);
    return false;
}

static void finish(struct transfer *transfer, struct download_result *result)
{
    const struct tc_fault *fault = &transfer->fault;
    for (int wrong = 0; wrong < DIGEST_TRIES_MAX && fetch(transfer, result); wrong++) {
        enum tc_error error = artifact_file_finish(&transfer->artifact, &transfer->fault);
        if (error == TC_OK) {
            download_set_result(result, "", "%s", "");
            return;
        }
        download_set_result(result, error == TC_CONFLICT ? "digest_mismatch" : "download_failed", "%s", fault->text);
        if (error != TC_CONFLICT)
            return;
        note_progress(transfer, 0);
    }
}

static int64_t effective_min_rate(const struct download_limits *limits)
{
    int64_t least = limits->min_rate;
    if (limits->bytes_per_second > 0 && least > limits->bytes_per_second / 2)
        least = limits->bytes_per_second / 2;
    return least < 1 ? 1 : least;
}

void download_run(const struct download_request *request, struct download_result *result)
{
    int64_t longest_ms = request->limits.longest_ms;
    struct transfer transfer = {
        .request = request,
        .deadline_ms = clock_boot_ms() + (request->time_left_ms < longest_ms ? request->time_left_ms : longest_ms),
        .min_rate = effective_min_rate(&request->limits),
    };
    struct tc_fault fault;
    *result = (struct download_result){0};
    if (artifact_file_name(&transfer.artifact, request->folder, request->sha256, request->size_bytes, &fault) !=
            TC_OK ||
        file_make_folders(request->folder, 0700, &fault) != TC_OK) {
        download_set_result(result, "download_failed", "%s", fault.text);
        return;
    }
    (void)snprintf(result->path, sizeof result->path, "%s", transfer.artifact.whole);
    if (artifact_file_is_whole(&transfer.artifact) || !has_space(&transfer, result))
        return;
    finish(&transfer, result);
    artifact_file_close(&transfer.artifact);
    if (strcmp(result->code, "disk_full") == 0)
        artifact_file_remove(&transfer.artifact);
}

void download_keep_only(const char *folder, const char *sha256)
{
    DIR *open_folder = opendir(folder);
    if (open_folder == NULL)
        return;
    for (struct dirent *entry = readdir(open_folder); entry != NULL; entry = readdir(open_folder)) {
        if (entry->d_name[0] != '.' && strncmp(entry->d_name, sha256, SHA256_HEX_SIZE - 1) != 0)
            (void)unlinkat(dirfd(open_folder), entry->d_name, 0);
    }
    (void)closedir(open_folder);
}
