#include "tests/fleet/admission.h"

#include "tests/fleet/device.h"
#include "tests/fleet/session.h"

#define NOBODY UINT32_MAX

enum { BURST_MS = 20, REST_MS = 60000 };

void admission_open(struct admission *admission, size_t slots, size_t pending_most, double connects_per_second)
{
    *admission = (struct admission){
        .slots = slots,
        .pending_most = pending_most,
        .tokens_per_ms = connects_per_second / 1000.0,
        .donors = {NOBODY, NOBODY},
    };
    for (size_t i = 0; i < WAITING_LINES; i++)
        admission->lines[i] = (struct waiting_line){NOBODY, NOBODY};
}

void admission_wait(struct shard *shard, struct device *device)
{
    TC_CHECK(device->link == LINK_DOWN);
    struct waiting_line *line = &shard->admission.lines[device->role == ROLE_NODE ? 0 : 1];
    device->link = LINK_WAITING;
    device->next_waiting = NOBODY;
    if (line->last == NOBODY)
        line->first = device->index;
    else
        shard->devices[line->last].next_waiting = device->index;
    line->last = device->index;
    shard->counters.values[COUNT_WAITING]++;
}

void admission_offer(struct shard *shard, struct device *device)
{
    struct waiting_line *donors = &shard->admission.donors;
    if (device->is_donor || device->role == ROLE_NODE)
        return;
    device->is_donor = true;
    device->next_donor = NOBODY;
    if (donors->last == NOBODY)
        donors->first = device->index;
    else
        shard->devices[donors->last].next_donor = device->index;
    donors->last = device->index;
}

static bool can_leave(const struct device *device)
{
    return device->link == LINK_READY && device->has_finished && device->work == NULL && device->unconfirmed == 0 &&
           !device->is_asking && !device->must_ask;
}

/* Disconnects one finished device for a while. Returns false when there is none. */
static bool make_headroom(struct shard *shard)
{
    struct waiting_line *donors = &shard->admission.donors;
    while (donors->first != NOBODY) {
        struct device *device = &shard->devices[donors->first];
        donors->first = device->next_donor;
        if (donors->first == NOBODY)
            donors->last = NOBODY;
        device->is_donor = false;
        if (can_leave(device)) {
            session_leave(device, REST_MS);
            device->is_resting = true;
            return true;
        }
    }
    return false;
}

void admission_completed(struct shard *shard)
{
    shard->admission.pending--;
}

void admission_released(struct shard *shard, bool was_pending)
{
    shard->admission.used--;
    if (was_pending)
        shard->admission.pending--;
}

static void fill(struct admission *admission, int64_t now_ms)
{
    double most = admission->tokens_per_ms * BURST_MS + 1;
    if (admission->filled_ms != 0)
        admission->tokens += (double)(now_ms - admission->filled_ms) * admission->tokens_per_ms;
    if (admission->tokens > most)
        admission->tokens = most;
    admission->filled_ms = now_ms;
}

static struct device *take_next(struct shard *shard, struct waiting_line *line)
{
    struct device *device = &shard->devices[line->first];
    line->first = device->next_waiting;
    if (line->first == NOBODY)
        line->last = NOBODY;
    device->link = LINK_DOWN;
    device->is_resting = false;
    shard->counters.values[COUNT_WAITING]--;
    return device;
}

static void connect_next(struct shard *shard, struct waiting_line *line)
{
    struct admission *admission = &shard->admission;
    struct device *device = take_next(shard, line);
    admission->used++;
    admission->pending++;
    admission->tokens -= 1;
    if (admission->was_full)
        device->must_ask = true;
    session_connect(device);
}

int64_t admission_run(struct shard *shard)
{
    struct admission *admission = &shard->admission;
    fill(admission, shard->now_ms);
    for (;;) {
        struct waiting_line *line = &admission->lines[admission->lines[0].first != NOBODY ? 0 : 1];
        if (shard->is_leaving || line->first == NOBODY || admission->pending >= admission->pending_most)
            return INT64_MAX;
        if (admission->tokens < 1)
            return shard->now_ms + 1 + (int64_t)((1 - admission->tokens) / admission->tokens_per_ms);
        if (admission->used < admission->slots) {
            connect_next(shard, line);
            continue;
        }
        admission->was_full = true;
        if (!make_headroom(shard))
            return INT64_MAX;
        admission->tokens -= 1; /* its connection is free once it is closed */
    }
}
