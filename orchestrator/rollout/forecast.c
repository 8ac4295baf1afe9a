#include "orchestrator/rollout/forecast.h"

#include "orchestrator/rollout/forecast_branch.h"

#include <stdlib.h>

#define MINUTE_MS INT64_C(60000)
#define NEVER INT64_MAX

/* A zone on its way through its windows. */
struct zone_clock {
    const struct forecast_window *window, *end; /* the one that is open or opens next */
    double used_ms;                             /* that windows were open before this one */
    int64_t available;                          /* devices that may start in the present step */
};

struct done {
    int64_t at_ms, devices;
};

struct run {
    const struct forecast_plan *plan;
    struct forecast *forecast;
    struct zone_clock *zones;
    int64_t *started_in_zone, *devices_in_zone; /* of the present group */
    struct forecast_branches *branches;         /* of each cell */
    int64_t now_ms;
    int64_t places_before; /* devices of the groups before */
    /* The rate: what was used of the present minute; and, when it grows, what was started and when it is done. */
    int64_t minute_ms, used, completed;
    struct done *done;
    size_t done_first, done_count, done_places;
};

static int64_t round_up(double value)
{
    int64_t below = (int64_t)value;
    return (double)below < value ? below + 1 : below;
}

/* ---- windows ---------------------------------------------------------------------------------------- */

static void pass_windows(struct run *run)
{
    for (int i = 0; i < run->plan->zone_count; i++) {
        struct zone_clock *zone = &run->zones[i];
        for (; zone->window < zone->end && zone->window->until_ms <= run->now_ms; zone->window++)
            zone->used_ms += (double)(zone->window->until_ms - zone->window->opens_ms);
    }
}

static bool is_open(const struct run *run, const struct zone_clock *zone)
{
    return zone->window < zone->end && zone->window->opens_ms <= run->now_ms;
}

/* How many of the group's devices in the zone are due within the coming minute: their places are spread evenly. */
static int64_t due_in_zone(const struct run *run, int group, int zone_no)
{
    const struct forecast_plan *plan = run->plan;
    const struct zone_clock *zone = &run->zones[zone_no];
    int64_t devices = run->devices_in_zone[zone_no], all = run->forecast->groups[group].devices;
    if (plan->place_ms <= 0 || all == 0)
        return devices;
    int64_t until_ms = run->now_ms + MINUTE_MS;
    if (until_ms > zone->window->until_ms)
        until_ms = zone->window->until_ms;
    double road_ms = zone->used_ms + (double)(until_ms - zone->window->opens_ms);
    int64_t places = round_up(road_ms / plan->place_ms) - run->places_before;
    if (places >= all)
        return devices;
    return places <= 0 ? 0 : round_up((double)devices * (double)places / (double)all);
}

/* ---- the rate --------------------------------------------------------------------------------------- */

/* How many may start in a minute now; 0: as many as there are. */
static int64_t rate_here(struct run *run)
{
    while (run->done_count > 0 && run->done[run->done_first].at_ms <= run->now_ms) {
        run->completed += run->done[run->done_first].devices;
        run->done_first = (run->done_first + 1) % run->done_places;
        run->done_count--;
    }
    return rate_now(&run->plan->rate, run->completed);
}

static void remember_done(struct run *run, int64_t devices, int64_t at_ms)
{
    if (run->done_places == 0)
        return; /* the rate does not grow */
    size_t last = (run->done_first + run->done_count + run->done_places - 1) % run->done_places;
    if (run->done_count == run->done_places) { /* told later than it is: the rate grows no sooner than it will */
        run->done[last].at_ms = at_ms;
        run->done[last].devices += devices;
        return;
    }
    run->done[(last + 1) % run->done_places] = (struct done){at_ms, devices};
    run->done_count++;
}

/* Room of the present minute, which begins anew when it is over. */
static int64_t room_in_minute(struct run *run, int64_t rate)
{
    if (rate == 0)
        return NEVER;
    if (run->now_ms - run->minute_ms >= MINUTE_MS) {
        run->minute_ms = run->now_ms;
        run->used = 0;
    }
    return rate > run->used ? rate - run->used : 0;
}

/* ---- a step ----------------------------------------------------------------------------------------- */

static void note_night(struct run *run, int group, int32_t night, int64_t devices, int64_t last_ms)
{
    struct forecast *forecast = run->forecast;
    struct forecast_night *at = forecast->nights + forecast->night_count;
    while (at > forecast->nights && at[-1].group == group && at[-1].night >= night)
        at--;
    bool known = at < forecast->nights + forecast->night_count && at->group == group && at->night == night;
    if (!known) {
        for (struct forecast_night *n = forecast->nights + forecast->night_count; n > at; n--)
            *n = n[-1];
        *at = (struct forecast_night){.group = group, .night = night, .first_start_ms = run->now_ms};
        forecast->night_count++;
    }
    at->devices += devices;
    if (at->last_end_ms < last_ms + run->plan->install_timeout_ms)
        at->last_end_ms = last_ms + run->plan->install_timeout_ms;
}

static void note_start(struct run *run, int group, int32_t night, int64_t devices, int64_t last_ms)
{
    struct forecast_group *told = &run->forecast->groups[group];
    if (told->started == 0)
        told->first_start_ms = run->now_ms;
    told->started += devices;
    if (told->last_start_ms < last_ms)
        told->last_start_ms = last_ms;
    told->last_end_ms = told->last_start_ms + run->plan->install_timeout_ms;
    note_night(run, group, night, devices, last_ms);
}

struct cell_range {
    const struct forecast_cell *begin, *end;
};

static struct forecast_branches *branches_of(const struct run *run, const struct forecast_cell *cell)
{
    return &run->branches[cell - run->plan->cells];
}

/* Devices that may start in each zone now; returns how many they are in all. */
static int64_t look_around(struct run *run, int group, struct cell_range cells, int64_t rate)
{
    for (int i = 0; i < run->plan->zone_count; i++)
        run->zones[i].available = 0;
    for (const struct forecast_cell *cell = cells.begin; cell < cells.end; cell++) {
        if (cell->room == 0)
            continue;
        forecast_branches_look(branches_of(run, cell), run->now_ms);
        run->zones[cell->zone].available += branches_of(run, cell)->available;
    }
    int64_t all = 0;
    for (int i = 0; i < run->plan->zone_count; i++) {
        struct zone_clock *zone = &run->zones[i];
        int64_t most = is_open(run, zone) ? due_in_zone(run, group, i) - run->started_in_zone[i] : 0;
        if (most > 0 && rate > 0) { /* of a minute that the window cuts off */
            int64_t rest_ms = zone->window->until_ms - run->now_ms;
            int64_t in_rest = rest_ms < MINUTE_MS ? (rest_ms * rate + MINUTE_MS - 1) / MINUTE_MS : rate;
            most = most < in_rest ? most : in_rest;
        }
        zone->available = zone->available < most ? zone->available : most > 0 ? most : 0;
        all += zone->available;
    }
    return all;
}

/* The part of `room` that falls to `available` of `all`; rounded up, so that nothing of it is left. */
static int64_t share(int64_t room, int64_t available, int64_t all)
{
    if (room >= all)
        return available;
    int64_t part = round_up((double)room * (double)available / (double)all);
    return part < room ? part : room;
}

static void start_in_zone(struct run *run, int group, struct cell_range cells, int zone_no, int64_t devices,
                          int64_t last_ms)
{
    int64_t all = 0;
    for (const struct forecast_cell *cell = cells.begin; cell < cells.end; cell++)
        all += cell->zone == zone_no && cell->room > 0 ? branches_of(run, cell)->available : 0;
    run->started_in_zone[zone_no] += devices;
    note_start(run, group, run->zones[zone_no].window->night, devices, last_ms);
    for (const struct forecast_cell *cell = cells.begin; cell < cells.end && devices > 0; cell++) {
        if (cell->zone != zone_no || cell->room == 0)
            continue;
        struct forecast_branches *branches = branches_of(run, cell);
        int64_t available = branches->available, part = share(devices, available, all);
        all -= available;
        devices -= part;
        forecast_branches_start(branches, part, last_ms + run->plan->install_timeout_ms);
    }
}

/* Starts what may start now; returns how many. */
static int64_t start_now(struct run *run, int group, struct cell_range cells)
{
    int64_t rate = rate_here(run);
    int64_t room = room_in_minute(run, rate);
    int64_t all = look_around(run, group, cells, rate);
    int64_t starting = all < room ? all : room;
    if (starting == 0)
        return 0;
    int64_t last_ms = run->now_ms;
    if (rate > 0) { /* one after another, within the minute */
        run->used += starting;
        last_ms += (starting - 1) * MINUTE_MS / rate;
    }
    int64_t left = starting;
    for (int i = 0; i < run->plan->zone_count && left > 0; i++) {
        int64_t own = run->zones[i].available, part = share(left, own, all);
        all -= own;
        left -= part;
        if (part > 0)
            start_in_zone(run, group, cells, i, part, last_ms);
    }
    remember_done(run, starting, last_ms + run->plan->install_timeout_ms);
    return starting;
}

/* When to look next: something becomes ready, a window opens, or there is room again. NEVER: no more of it starts. */
static int64_t next_look(const struct run *run, struct cell_range cells)
{
    int64_t next_ms = NEVER;
    for (const struct forecast_cell *cell = cells.begin; cell < cells.end; cell++) {
        const struct zone_clock *zone = &run->zones[cell->zone];
        const struct forecast_branches *branches = branches_of(run, cell);
        if (cell->room == 0 || branches->waiting == 0 || zone->window == zone->end)
            continue;
        int64_t at_ms = NEVER;
        if (branches->available > 0)
            at_ms = run->now_ms - run->minute_ms < MINUTE_MS ? run->minute_ms + MINUTE_MS : run->now_ms + MINUTE_MS;
        if (branches->count > 0 && branches->ready[branches->first].at_ms < at_ms)
            at_ms = branches->ready[branches->first].at_ms;
        if (!is_open(run, zone) && at_ms < zone->window->opens_ms)
            at_ms = zone->window->opens_ms;
        if (branches->available > 0 && !is_open(run, zone))
            at_ms = zone->window->opens_ms;
        next_ms = next_ms < at_ms ? next_ms : at_ms;
    }
    return next_ms;
}

/* ---- groups ----------------------------------------------------------------------------------------- */

static struct cell_range cells_of(const struct forecast_plan *plan, int group)
{
    struct cell_range range = {plan->cells, plan->cells};
    while (range.begin < plan->cells + plan->cell_count && range.begin->group < group)
        range.begin++;
    for (range.end = range.begin; range.end < plan->cells + plan->cell_count && range.end->group == group;)
        range.end++;
    return range;
}

static void begin_group(struct run *run, int group, struct cell_range cells)
{
    for (int i = 0; i < run->plan->zone_count; i++)
        run->started_in_zone[i] = run->devices_in_zone[i] = 0;
    for (const struct forecast_cell *cell = cells.begin; cell < cells.end; cell++) {
        if (cell->room == 0)
            continue;
        forecast_branches_begin(branches_of(run, cell), cell);
        run->devices_in_zone[cell->zone] += forecast_cell_devices(cell);
        run->forecast->groups[group].devices += forecast_cell_devices(cell);
    }
}

/* True when all of it started. */
static bool run_group(struct run *run, int group, struct cell_range cells)
{
    const struct forecast_group *told = &run->forecast->groups[group];
    while (told->started < told->devices) {
        pass_windows(run);
        (void)start_now(run, group, cells);
        if (told->started == told->devices)
            break;
        int64_t next_ms = next_look(run, cells);
        if (next_ms == NEVER)
            return false;
        run->now_ms = next_ms;
    }
    return true;
}

static void run_groups(struct run *run)
{
    const struct forecast_plan *plan = run->plan;
    bool goes_on = true;
    for (int group = 0; group < plan->group_count; group++) {
        struct cell_range cells = cells_of(plan, group);
        const struct forecast_group *told = &run->forecast->groups[group];
        begin_group(run, group, cells);
        goes_on = goes_on && run_group(run, group, cells);
        run->places_before += told->devices;
        if (goes_on) {
            int64_t done_ms = told->devices > 0 ? told->last_end_ms : run->now_ms;
            run->now_ms = done_ms + plan->soak_ms[group];
        }
    }
}

/* ---- memory ----------------------------------------------------------------------------------------- */

static bool open_zones(struct run *run)
{
    const struct forecast_plan *plan = run->plan;
    size_t count = (size_t)plan->zone_count + 1;
    run->zones = calloc(count, sizeof *run->zones);
    run->started_in_zone = calloc(count, sizeof *run->started_in_zone);
    run->devices_in_zone = calloc(count, sizeof *run->devices_in_zone);
    if (run->zones == NULL || run->started_in_zone == NULL || run->devices_in_zone == NULL)
        return false;
    const struct forecast_window *window = plan->windows, *end = plan->windows + plan->window_count;
    for (int i = 0; i < plan->zone_count; i++) {
        run->zones[i].window = window;
        while (window < end && window->zone == i)
            window++;
        run->zones[i].end = window;
    }
    return true;
}

static bool open_branches(struct run *run)
{
    const struct forecast_plan *plan = run->plan;
    run->branches = calloc(plan->cell_count + 1, sizeof *run->branches);
    if (run->branches == NULL)
        return false;
    for (size_t i = 0; i < plan->cell_count; i++) {
        const struct forecast_cell *cell = &plan->cells[i];
        struct forecast_branches *branches = &run->branches[i];
        size_t waves = cell->room == 0 ? 1 : (size_t)forecast_waves(cell) + 1;
        branches->ready_in_wave = calloc(waves, sizeof *branches->ready_in_wave);
        branches->started_in_wave = calloc(waves, sizeof *branches->started_in_wave);
        branches->ready = calloc(cell->room == 0 ? 1 : forecast_ready_places(cell) + 1, sizeof *branches->ready);
        if (branches->ready_in_wave == NULL || branches->started_in_wave == NULL || branches->ready == NULL)
            return false;
    }
    return true;
}

static bool open_run(struct run *run)
{
    enum { DONE_PLACES = 4096 };
    const struct forecast_plan *plan = run->plan;
    size_t nights = plan->window_count + (size_t)plan->group_count * (size_t)plan->zone_count + 1;
    run->forecast->groups = calloc((size_t)plan->group_count + 1, sizeof *run->forecast->groups);
    run->forecast->nights = calloc(nights, sizeof *run->forecast->nights);
    run->done_places = plan->rate.grow_after > 0 ? DONE_PLACES : 0;
    run->done = calloc(run->done_places + 1, sizeof *run->done);
    return run->forecast->groups != NULL && run->forecast->nights != NULL && run->done != NULL && open_zones(run) &&
           open_branches(run);
}

static void close_run(struct run *run)
{
    for (size_t i = 0; run->branches != NULL && i < run->plan->cell_count; i++) {
        free(run->branches[i].ready_in_wave);
        free(run->branches[i].started_in_wave);
        free(run->branches[i].ready);
    }
    free(run->branches);
    free(run->zones);
    free(run->started_in_zone);
    free(run->devices_in_zone);
    free(run->done);
}

bool forecast_make(const struct forecast_plan *plan, struct forecast *forecast)
{
    *forecast = (struct forecast){.group_count = plan->group_count};
    struct run run = {
        .plan = plan, .forecast = forecast, .now_ms = plan->begin_ms, .minute_ms = plan->begin_ms - MINUTE_MS};
    bool opened = open_run(&run);
    if (opened)
        run_groups(&run);
    else
        forecast_free(forecast);
    close_run(&run);
    return opened;
}

bool forecast_is_whole(const struct forecast *forecast)
{
    for (int i = 0; i < forecast->group_count; i++) {
        if (forecast->groups[i].started < forecast->groups[i].devices)
            return false;
    }
    return true;
}

void forecast_free(struct forecast *forecast)
{
    free(forecast->groups);
    free(forecast->nights);
    *forecast = (struct forecast){0};
}
