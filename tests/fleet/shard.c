#include "tests/fleet/shard.h"

#include "base/clock.h"
#include "base/file.h"
#include "tests/fleet/device.h"
#include "tests/fleet/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define WAKE UINT32_MAX

enum { EVENTS_MAX = 512, TEND_PERIOD_MS = 5000, IDLE_MS = 1000 };

static void *take_memory(size_t count, size_t size)
{
    void *memory = calloc(count == 0 ? 1 : count, size);
    TC_CHECK(memory != NULL);
    return memory;
}

enum tc_error shard_open(struct shard *shard, const struct simulation_config *config, size_t device_count,
                         size_t branch_count, size_t number, struct tc_fault *fault)
{
    shard->config = config;
    shard->number = number;
    shard->random = number + 1;
    shard->now_ms = clock_monotonic_ms();
    shard->devices = take_memory(device_count, sizeof *shard->devices);
    shard->dirty = take_memory(device_count, sizeof *shard->dirty);
    shard->branches = take_memory(branch_count, sizeof *shard->branches);
    (void)pthread_mutex_init(&shard->mailbox.mutex, NULL);
    (void)pthread_cond_init(&shard->mailbox.done, NULL);
    size_t pending = config->pending / config->threads;
    admission_open(&shard->admission, config->connections / config->threads, pending == 0 ? 1 : pending,
                   (double)config->connects_per_second / (double)config->threads);
    shard->epoll = epoll_create1(EPOLL_CLOEXEC);
    shard->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = WAKE};
    if (shard->epoll < 0 || shard->wake < 0 || epoll_ctl(shard->epoll, EPOLL_CTL_ADD, shard->wake, &event) != 0)
        return tc_fault_set(fault, error_from_errno(errno), "epoll: %s", strerror(errno));
    return TC_OK;
}

enum tc_error shard_add(struct shard *shard, const struct fleet_device *entry, uint32_t branch, struct tc_fault *fault)
{
    uint32_t index = (uint32_t)shard->device_count++;
    struct device *device = &shard->devices[index];
    *device = (struct device){
        .shard = shard,
        .id = entry->id,
        .branch_id = entry->branch,
        .index = index,
        .branch = branch,
        .down_ms = -1,
    };
    for (size_t i = 0; i < DEVICE_TIMERS; i++)
        device->timers_ms[i] = INT64_MAX;
    if (!device_role_parse(entry->role, &device->role))
        return tc_fault_set(fault, TC_INVALID, "device %s: no role \"%s\"", entry->id, entry->role);
    device->behaviour = behaviours_find(shard->config->behaviours, device->role, entry->branch, entry->id);
    device->versions = version_sets_read(&shard->versions, entry->versions);
    device->previous = version_sets_read(&shard->versions, "{}");
    if (device->versions == NULL)
        return tc_fault_set(fault, TC_INVALID, "device %s: versions are no object", entry->id);
    text_set_add(&shard->by_id, device->id, index);
    enum tc_error error = session_open(device, fault);
    if (error == TC_OK)
        admission_wait(shard, device);
    return error;
}

void shard_close(struct shard *shard)
{
    for (size_t i = 0; i < shard->device_count; i++) {
        session_close(&shard->devices[i]);
        execution_log_free(&shard->devices[i].log);
        buffer_free(&shard->devices[i].late);
    }
    free(shard->devices);
    free(shard->branches);
    free(shard->dirty);
    timer_queue_free(&shard->timers);
    version_sets_free(&shard->versions);
    text_set_free(&shard->by_id);
    buffer_free(&shard->payload);
    buffer_free(&shard->token);
    (void)close(shard->epoll);
    (void)close(shard->wake);
    (void)pthread_cond_destroy(&shard->mailbox.done);
    (void)pthread_mutex_destroy(&shard->mailbox.mutex);
}

static void wake(struct shard *shard)
{
    const uint64_t one = 1;
    TC_CHECK(write(shard->wake, &one, sizeof one) == sizeof one || errno == EAGAIN);
}

void shard_call(struct shard *shard, void (*call)(struct shard *shard, void *context), void *context)
{
    struct shard_mailbox *mailbox = &shard->mailbox;
    (void)pthread_mutex_lock(&mailbox->mutex);
    mailbox->call = call;
    mailbox->context = context;
    wake(shard);
    while (mailbox->call != NULL)
        (void)pthread_cond_wait(&mailbox->done, &mailbox->mutex);
    (void)pthread_mutex_unlock(&mailbox->mutex);
}

void shard_end(struct shard *shard)
{
    (void)pthread_mutex_lock(&shard->mailbox.mutex);
    shard->mailbox.is_to_end = true;
    wake(shard);
    (void)pthread_mutex_unlock(&shard->mailbox.mutex);
}

/* Returns false when the thread is to end. */
static bool open_mailbox(struct shard *shard)
{
    struct shard_mailbox *mailbox = &shard->mailbox;
    uint64_t ignored;
    (void)!read(shard->wake, &ignored, sizeof ignored);
    (void)pthread_mutex_lock(&mailbox->mutex);
    if (mailbox->call != NULL) {
        mailbox->call(shard, mailbox->context);
        mailbox->call = NULL;
        (void)pthread_cond_signal(&mailbox->done);
    }
    bool goes_on = !mailbox->is_to_end;
    (void)pthread_mutex_unlock(&mailbox->mutex);
    return goes_on;
}

void shard_summon(struct shard *shard, const char *id)
{
    const struct text_set_entry *entry = text_set_find(&shard->by_id, id);
    if (entry == NULL)
        return;
    struct device *device = &shard->devices[entry->number];
    if (device->is_resting && device->link == LINK_DOWN) {
        device->must_ask = true;
        device_stop_timer(device, TIMER_LINK);
        admission_wait(shard, device);
    }
}

static void run_timers(struct shard *shard)
{
    struct timer_entry entry;
    while (timer_queue_take(&shard->timers, shard->now_ms, &entry)) {
        struct device *device = &shard->devices[entry.owner];
        if (device->timers_ms[entry.kind] == entry.due_ms)
            device_timer_due(device, (enum device_timer)entry.kind);
    }
}

static void flush(struct shard *shard)
{
    size_t count = shard->dirty_count;
    for (size_t i = 0; i < count; i++)
        session_flush(&shard->devices[shard->dirty[i]]);
    /* Devices that were marked during the loop are behind the first `count`: keep them. */
    memmove(shard->dirty, shard->dirty + count, (shard->dirty_count - count) * sizeof *shard->dirty);
    shard->dirty_count -= count;
}

static int wait_ms(const struct shard *shard, int64_t admission_ms)
{
    int64_t until_ms = timer_queue_next_ms(&shard->timers);
    if (admission_ms < until_ms)
        until_ms = admission_ms;
    if (shard->dirty_count > 0 || until_ms <= shard->now_ms)
        return 0;
    return until_ms - shard->now_ms < IDLE_MS ? (int)(until_ms - shard->now_ms) : IDLE_MS;
}

static void tend(struct shard *shard, int64_t *next_ms)
{
    if (shard->now_ms < *next_ms)
        return;
    for (size_t i = 0; i < shard->device_count; i++)
        session_tend(&shard->devices[i]);
    *next_ms = shard->now_ms + TEND_PERIOD_MS;
}

void *shard_run(void *argument)
{
    struct shard *shard = argument;
    struct epoll_event events[EVENTS_MAX];
    int64_t tend_ms = 0;
    bool goes_on = true;
    while (goes_on) {
        int64_t admission_ms = admission_run(shard);
        int count = epoll_wait(shard->epoll, events, EVENTS_MAX, wait_ms(shard, admission_ms));
        shard->now_ms = clock_monotonic_ms();
        for (int i = 0; i < count; i++) {
            if (events[i].data.u32 == WAKE)
                goes_on = open_mailbox(shard);
            else
                session_serve(&shard->devices[events[i].data.u32], events[i].events);
        }
        run_timers(shard);
        tend(shard, &tend_ms);
        flush(shard);
    }
    return NULL;
}
