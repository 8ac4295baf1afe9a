#include "clients/agent/log_uploader.h"

#include "base/condition.h"
#include "base/file.h"
#include "base/log.h"
#include "base/thread.h"
#include "clients/agent/enrolment/device_call.h"
#include "topics/message.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FOLDER_MODE = 0700, FILE_MODE = 0600, RETRY_FIRST_MS = 1000, RETRY_LONGEST_MS = 600000 };

struct log_uploader {
    struct log_uploader_config config;
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool is_new; /* with the mutex: a log was added */
    atomic_bool stop;
};

/* ---- the folder ---- */

/* A log in the folder: its file is named INSTRUCTION.ATTEMPT. */
struct waiting {
    int64_t instruction;
    int32_t attempt;
};

static void put_path(const struct log_uploader *uploader, const struct waiting *log, struct buffer *path)
{
    buffer_format(path, "%s/%" PRId64 ".%" PRId32, uploader->config.folder, log->instruction, log->attempt);
}

static bool parse_name(const char *name, struct waiting *log)
{
    char again[64];
    if (sscanf(name, "%" SCNd64 ".%" SCNd32, &log->instruction, &log->attempt) != 2) /* NOLINT(cert-err34-c) */
        return false;
    (void)snprintf(again, sizeof again, "%" PRId64 ".%" PRId32, log->instruction, log->attempt);
    return strcmp(again, name) == 0;
}

static bool is_newer(const struct waiting *log, const struct waiting *other)
{
    return log->instruction != other->instruction ? log->instruction > other->instruction
                                                  : log->attempt > other->attempt;
}

/* Finds the newest and the oldest log. Returns their number. */
static size_t find_logs(const struct log_uploader *uploader, struct waiting *newest, struct waiting *oldest)
{
    size_t count = 0;
    struct waiting log;
    DIR *folder = opendir(uploader->config.folder);
    if (folder == NULL)
        return 0;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) { /* NOLINT(concurrency-mt-unsafe) */
        if (!parse_name(entry->d_name, &log))
            continue;
        if (count == 0 || is_newer(&log, newest))
            *newest = log;
        if (count == 0 || is_newer(oldest, &log))
            *oldest = log;
        count++;
    }
    (void)closedir(folder);
    return count;
}

/* Returns whether the log is gone. */
static bool remove_log(const struct log_uploader *uploader, const struct waiting *log)
{
    struct buffer path = {0};
    put_path(uploader, log, &path);
    bool is_gone = unlink(buffer_text(&path)) == 0 || errno == ENOENT;
    if (!is_gone)
        LOG_LIMITED(LOG_LEVEL_WARNING, "", "log.not_removed", F_STR("path", buffer_text(&path)));
    buffer_free(&path);
    return is_gone;
}

/* Returns whether no more logs wait than may. */
static bool drop_oldest(const struct log_uploader *uploader)
{
    struct waiting newest = {0}, oldest = {0};
    while (find_logs(uploader, &newest, &oldest) > LOGS_WAITING_MAX) {
        if (!remove_log(uploader, &oldest))
            return false;
        LOG_LIMITED(LOG_LEVEL_WARNING, "", "log.dropped", F_INT("instruction", oldest.instruction),
                    F_INT("attempt", oldest.attempt));
    }
    return true;
}

void log_uploader_add(struct log_uploader *uploader, int64_t instruction, int32_t attempt, const struct buffer *log)
{
    struct buffer path = {0};
    struct tc_fault fault;
    put_path(uploader, &(struct waiting){instruction, attempt}, &path);
    if (file_replace(buffer_text(&path), buffer_text(log), log->length, FILE_MODE, &fault) != TC_OK)
        LOG_WARNING("log.not_kept", F_INT("instruction", instruction), F_STR("fault", fault.text));
    buffer_free(&path);
    TC_CHECK(pthread_mutex_lock(&uploader->mutex) == 0);
    uploader->is_new = true;
    TC_CHECK(pthread_cond_signal(&uploader->changed) == 0);
    TC_CHECK(pthread_mutex_unlock(&uploader->mutex) == 0);
}

/* ---- sending ---- */

static enum tc_error send_log(const struct log_uploader *uploader, const struct waiting *log, struct tc_fault *fault)
{
    static const char *const headers[] = {"Content-Type: text/plain; charset=utf-8", NULL};
    struct buffer path = {0}, url = {0}, body = {0}, answer = {0};
    long status;
    put_path(uploader, log, &path);
    buffer_format(&url, "%s/v1/logs?instruction=%" PRId64 "&attempt=%" PRId32, uploader->config.url, log->instruction,
                  log->attempt);
    enum tc_error error = file_read(buffer_text(&path), INSTALL_LOG_MAX, &body, fault);
    if (error == TC_TOO_LARGE) {
        error = TC_INVALID; /* it cannot be sent the next time, either */
    } else if (error == TC_OK) {
        const struct device_call post = {.url = buffer_text(&url),
                                         .ca_file = uploader->config.ca_file,
                                         .certificate_file = uploader->config.certificate_file,
                                         .key_file = uploader->config.key_file,
                                         .headers = headers,
                                         .body = &body,
                                         .stop = &uploader->stop};
        error = device_call_run(&post, &status, &answer, fault);
    }
    buffer_free(&path);
    buffer_free(&url);
    buffer_free(&body);
    buffer_free(&answer);
    return error;
}

static void lengthen(int *delay_ms)
{
    *delay_ms = *delay_ms == 0 ? RETRY_FIRST_MS : *delay_ms * 2;
    if (*delay_ms > RETRY_LONGEST_MS)
        *delay_ms = RETRY_LONGEST_MS;
}

/* Sends the newest log. Returns false when there is none, or it must wait. */
static bool send_newest(struct log_uploader *uploader, int *delay_ms)
{
    struct waiting newest = {0}, oldest = {0};
    struct tc_fault fault;
    if (!drop_oldest(uploader)) {
        lengthen(delay_ms);
        return false;
    }
    if (find_logs(uploader, &newest, &oldest) == 0) {
        *delay_ms = 0;
        return false;
    }
    enum tc_error error = send_log(uploader, &newest, &fault);
    bool is_gone = (error == TC_OK || error == TC_INVALID) && remove_log(uploader, &newest);
    if (error == TC_OK)
        LOG_INFO("log.sent", F_INT("instruction", newest.instruction), F_INT("attempt", newest.attempt));
    else if (!atomic_load(&uploader->stop))
        LOG_LIMITED(LOG_LEVEL_WARNING, "", error == TC_INVALID ? "log.refused" : "log.not_sent",
                    F_INT("instruction", newest.instruction), F_STR("fault", fault.text));
    if (is_gone)
        *delay_ms = 0;
    else
        lengthen(delay_ms);
    return is_gone;
}

/* Waits until a log is added, or the time of the next try has come, half of it random. */
static void wait_for_work(struct log_uploader *uploader, int *delay_ms)
{
    int wait_ms = *delay_ms == 0 ? -1 : *delay_ms / 2 + (int)randombytes_uniform((uint32_t)*delay_ms / 2);
    int64_t deadline_ms = condition_deadline(wait_ms);
    TC_CHECK(pthread_mutex_lock(&uploader->mutex) == 0);
    while (!atomic_load(&uploader->stop) && !uploader->is_new &&
           condition_wait(&uploader->changed, &uploader->mutex, deadline_ms))
        ;
    if (uploader->is_new)
        *delay_ms = 0;
    uploader->is_new = false;
    TC_CHECK(pthread_mutex_unlock(&uploader->mutex) == 0);
}

static void *run(void *context)
{
    struct log_uploader *uploader = context;
    int delay_ms = 0;
    while (!atomic_load(&uploader->stop)) {
        if (!send_newest(uploader, &delay_ms))
            wait_for_work(uploader, &delay_ms);
    }
    return NULL;
}

enum tc_error log_uploader_open(const struct log_uploader_config *config, struct log_uploader **uploader,
                                struct tc_fault *fault)
{
    enum tc_error error = file_make_folders(config->folder, FOLDER_MODE, fault);
    if (error != TC_OK)
        return error;
    struct log_uploader *opened = calloc(1, sizeof *opened);
    TC_CHECK(opened != NULL && pthread_mutex_init(&opened->mutex, NULL) == 0);
    condition_open(&opened->changed);
    opened->config = *config;
    error = thread_start(&opened->thread, "log uploader", run, opened, fault);
    opened->has_thread = error == TC_OK;
    if (error == TC_OK)
        *uploader = opened;
    else
        log_uploader_close(opened);
    return error;
}

void log_uploader_close(struct log_uploader *uploader)
{
    if (uploader == NULL)
        return;
    TC_CHECK(pthread_mutex_lock(&uploader->mutex) == 0);
    atomic_store(&uploader->stop, true);
    TC_CHECK(pthread_cond_signal(&uploader->changed) == 0);
    TC_CHECK(pthread_mutex_unlock(&uploader->mutex) == 0);
    if (uploader->has_thread)
        TC_CHECK(pthread_join(uploader->thread, NULL) == 0);
    (void)pthread_cond_destroy(&uploader->changed);
    (void)pthread_mutex_destroy(&uploader->mutex);
    free(uploader);
}
