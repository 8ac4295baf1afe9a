#include "clients/agent/work.h"

#include "base/fault.h"
#include "clients/agent/handover_run.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXTS_MAX = 12 };

struct work {
    struct work_config config;
    atomic_bool stop;
    atomic_bool end_download;
    pthread_t thread;
    bool has_thread;

    /* The current job. */
    struct download_request download;
    struct install_request install;
    struct buffer log; /* of the last action, which was of this attempt */
    int64_t log_instruction;
    int32_t log_attempt;
    char *texts[TEXTS_MAX];
    size_t text_count;
};

struct work *work_create(const struct work_config *config)
{
    struct work *work = calloc(1, sizeof *work);
    TC_CHECK(work != NULL);
    work->config = *config;
    return work;
}

static const char *keep_text(struct work *work, const char *text)
{
    if (text == NULL)
        return NULL;
    TC_CHECK(work->text_count < TEXTS_MAX);
    char *copy = strdup(text);
    TC_CHECK(copy != NULL);
    work->texts[work->text_count++] = copy;
    return copy;
}

/* The current job has reported its end: its thread is about to end. */
static void join(struct work *work)
{
    if (work->has_thread)
        TC_CHECK(pthread_join(work->thread, NULL) == 0);
    work->has_thread = false;
    while (work->text_count > 0)
        free(work->texts[--work->text_count]);
}

void work_destroy(struct work *work)
{
    if (work == NULL)
        return;
    join(work);
    buffer_free(&work->log);
    free(work);
}

void work_end_download(struct work *work)
{
    atomic_store(&work->end_download, true);
}

void work_stop(struct work *work)
{
    atomic_store(&work->stop, true);
    atomic_store(&work->end_download, true);
}

static void *run_download(void *context)
{
    struct work *work = context;
    struct inbox_item item = {.kind = INBOX_DOWNLOADED};
    download_run(&work->download, &item.downloaded);
    inbox_put_work(work->config.inbox, &item);
    return NULL;
}

static void take_progress(void *context, int percent, const char *text)
{
    struct work *work = context;
    struct inbox_item item = {.kind = INBOX_INSTALL_PROGRESS, .percent = percent};
    (void)snprintf(item.text, sizeof item.text, "%s", text);
    inbox_put(work->config.inbox, &item);
}

static void take_version(void *context, const char *name, const char *version)
{
    struct work *work = context;
    struct inbox_item item = {.kind = INBOX_INSTALL_VERSION};
    (void)snprintf(item.name, sizeof item.name, "%s", name);
    (void)snprintf(item.text, sizeof item.text, "%s", version);
    inbox_put_work(work->config.inbox, &item);
}

static void take_log(void *context, const char *text, size_t length)
{
    struct work *work = context;
    if (work->log.length + length <= INSTALL_LOG_MAX)
        buffer_put(&work->log, text, length);
}

void work_take_log(struct work *work, int64_t instruction, int32_t attempt, struct buffer *log)
{
    if (work->log_instruction != instruction || work->log_attempt != attempt)
        return;
    buffer_free(log);
    *log = work->log;
    work->log = (struct buffer){0};
}

static void *run_install(void *context)
{
    struct work *work = context;
    struct inbox_item item = {.kind = INBOX_INSTALLED};
    if (work->install.socket_path == NULL)
        install_run(&work->install, &item.installed);
    else
        handover_run(&work->install, &item.installed);
    inbox_put_work(work->config.inbox, &item);
    return NULL;
}

static void begin(struct work *work, void *(*run)(void *))
{
    TC_CHECK(pthread_create(&work->thread, NULL, run, work) == 0);
    work->has_thread = true;
}

void work_download(struct work *work, const struct download_request *request)
{
    join(work);
    work->download = *request;
    work->download.url = keep_text(work, request->url);
    work->download.folder = keep_text(work, request->folder);
    work->download.sha256 = keep_text(work, request->sha256);
    work->download.limits = work->config.limits;
    work->download.stop = &work->end_download;
    atomic_store(&work->end_download, atomic_load(&work->stop));
    begin(work, run_download);
}

void work_install(struct work *work, const struct install_request *request)
{
    join(work);
    struct install_request *kept = &work->install;
    *kept = *request;
    kept->executable = keep_text(work, request->executable);
    kept->action = keep_text(work, request->action);
    kept->device = keep_text(work, request->device);
    kept->artifact_name = keep_text(work, request->artifact_name);
    kept->artifact_version = keep_text(work, request->artifact_version);
    kept->artifact_file = keep_text(work, request->artifact_file);
    kept->parameters_file = keep_text(work, request->parameters_file);
    kept->socket_path = keep_text(work, request->socket_path);
    kept->token = keep_text(work, request->token);
    kept->proof = keep_text(work, request->proof);
    kept->working_folder = work->config.install_folder;
    kept->lock_path = work->config.lock_path;
    kept->timeout_ms = install_collects(request) ? work->config.collect_timeout_ms : work->config.install_timeout_ms;
    kept->grace_ms = work->config.install_grace_ms;
    kept->stop_grace_ms = work->config.stop_grace_ms;
    kept->stop = &work->stop;
    kept->on_progress = take_progress;
    kept->on_version = take_version;
    kept->context = work;
    kept->mask = work->config.mask;
    if (kept->instruction != 0) { /* versions leave the log of the action before */
        buffer_clear(&work->log);
        work->log_instruction = kept->instruction;
        work->log_attempt = kept->attempt;
        kept->on_log = take_log;
    }
    begin(work, run_install);
}
