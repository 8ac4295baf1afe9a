#include "orchestrator/rollout/forecast.h"

#include "orchestrator/rollout/forecast_run.h"

#include <stdlib.h>

static int64_t round_up(double value)
{
    int64_t below = (int64_t)value;
    return (double)below < value ? below + 1 : below;
}

/* ---- windows ---------------------------------------------------------------------------------------- */

static void pass_windows(struct forecast_run *run)
{
    for (int i = 0; i < run->plan->zone_count; i++) {
        struct forecast_zone *zone = &run->zones[i];
        for (; zone->window < zone->end && zone->window->until_ms <= run->now_ms; zone->window++)
            zone->used_ms += (double)(zone->window->until_ms - zone->window->opens_ms);
    }
}

static bool is_open(const struct forecast_run *run, const struct forecast_zone *zone)
{
    return zone->window < zone->end && zone->window->opens_ms <= run->now_ms;
}

/* Returns how many of the group's devices in the zone are due within the next step: they are spread evenly. */
static int64_t due_in_zone(const struct forecast_run *run, int group, int zone_no)
{
    const struct forecast_plan *plan = run->plan;
    const struct forecast_zone *zone = &run->zones[zone_no];
    int64_t devices = run->groups[group].devices_in_zone[zone_no], all = run->forecast->groups[group].devices;
    if (plan->place_ms <= 0 || all == 0)
        return devices;
    int64_t until_ms = run->now_ms + run->step_ms;
    if (until_ms > zone->window->until_ms)
        until_ms = zone->window->until_ms;
    double open_ms = zone->used_ms + (double)(until_ms - zone->window->opens_ms);
    int64_t places = round_up(open_ms / plan->place_ms) - run->groups[group].places_before;
    if (places >= all)
        return devices;
    return places <= 0 ? 0 : round_up((double)devices * (double)places / (double)all);
}

/* ---- the rate --------------------------------------------------------------------------------------- */

/* Returns how many may start in a minute now; 0: no limit. */
static int64_t rate_here(struct forecast_run *run)
{
    while (run->done_count > 0 && run->done[run->done_first].at_ms <= run->now_ms) {
        run->completed += run->done[run->done_first].devices;
        run->done_first = (run->done_first + 1) % run->done_places;
        run->done_count--;
    }
    return rate_now(&run->plan->rate, run->plan->completed + run->completed);
}

static void remember_done(struct forecast_run *run, int64_t devices, int64_t at_ms)
{
    if (run->done_places == 0)
        return; /* the rate does not grow */
    size_t last = (run->done_first + run->done_count + run->done_places - 1) % run->done_places;
    if (run->done_count ==
        run->done_places) { /* counted later than it is done, so that the rate does not grow too early */
        run->done[last].at_ms = at_ms;
        run->done[last].devices += devices;
        return;
    }
    run->done[(last + 1) % run->done_places] = (struct forecast_done){at_ms, devices};
    run->done_count++;
}

/* Returns the rest of the present step's rate; starts a new step when it is over. */
static int64_t rest_of_step(struct forecast_run *run, int64_t rate)
{
    if (rate == 0)
        return FORECAST_NEVER;
    if (run->now_ms - run->step_began_ms >= run->step_ms) {
        run->step_began_ms = run->now_ms;
        run->used = 0;
    }
    int64_t most = rate * run->attempts;
    return most > run->used ? most - run->used : 0;
}

/* ---- a step ----------------------------------------------------------------------------------------- */

static void note_night(struct forecast_run *run, int group, int32_t night, int64_t devices, int64_t last_ms)
{
    struct forecast *forecast = run->forecast;
    struct forecast_night *at = forecast->nights + forecast->night_count;
    while (at > forecast->nights && (at[-1].group > group || (at[-1].group == group && at[-1].night >= night)))
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

/* Opens the group after `group`, which is done or reached. */
static void open_next(struct forecast_run *run, int group, int64_t at_ms)
{
    if (group + 1 == run->plan->group_count || run->groups[group + 1].opens_ms != FORECAST_NEVER)
        return;
    run->groups[group + 1].opens_ms = at_ms + run->plan->gates[group].soak_ms;
}

static void note_start(struct forecast_run *run, int group, int32_t night, int64_t devices, int64_t last_ms)
{
    struct forecast_group *totals = &run->forecast->groups[group];
    if (totals->started == 0)
        totals->first_start_ms = run->now_ms;
    totals->started += devices;
    if (totals->last_start_ms < last_ms)
        totals->last_start_ms = last_ms;
    totals->last_end_ms = totals->last_start_ms + run->plan->install_timeout_ms;
    note_night(run, group, night, devices, last_ms);
    if (totals->started >= run->groups[group].opens_next_at)
        open_next(run, group, totals->last_end_ms);
}

static struct forecast_branches *branches_of(const struct forecast_run *run, const struct forecast_cohort *cohort)
{
    return &run->branches[cohort - run->plan->cohorts];
}

/* Counts the devices that may start in each zone now; returns their total. */
static int64_t count_available(struct forecast_run *run, int group, struct forecast_range cohorts, int64_t rate)
{
    for (int i = 0; i < run->plan->zone_count; i++)
        run->zones[i].available = 0;
    for (const struct forecast_cohort *cohort = cohorts.begin; cohort < cohorts.end; cohort++) {
        if (cohort->headroom == 0)
            continue;
        forecast_branches_look(branches_of(run, cohort), run->now_ms);
        run->zones[cohort->zone].available += branches_of(run, cohort)->available;
    }
    int64_t all = 0;
    for (int i = 0; i < run->plan->zone_count; i++) {
        struct forecast_zone *zone = &run->zones[i];
        int64_t most = is_open(run, zone) ? due_in_zone(run, group, i) - run->groups[group].started_in_zone[i] : 0;
        if (most > 0 && rate > 0) { /* in a step that the window cuts short */
            int64_t rest_ms = zone->window->until_ms - run->now_ms;
            int64_t in_rest = rest_ms < run->step_ms ? (rest_ms * rate + FORECAST_MINUTE_MS - 1) / FORECAST_MINUTE_MS
                                                     : rate * run->attempts;
            most = most < in_rest ? most : in_rest;
        }
        zone->available = zone->available < most ? zone->available : most > 0 ? most : 0;
        all += zone->available;
    }
    return all;
}

/* Returns the share of `headroom` for `available` of `all`; rounded up, so that nothing is left over. */
static int64_t share(int64_t headroom, int64_t available, int64_t all)
{
    if (headroom >= all)
        return available;
    int64_t part = round_up((double)headroom * (double)available / (double)all);
    return part < headroom ? part : headroom;
}

static void start_in_zone(struct forecast_run *run, int group, struct forecast_range cohorts, int zone_no,
                          int64_t devices, int64_t last_ms)
{
    int64_t all = 0;
    for (const struct forecast_cohort *cohort = cohorts.begin; cohort < cohorts.end; cohort++)
        all += cohort->zone == zone_no && cohort->headroom > 0 ? branches_of(run, cohort)->available : 0;
    run->groups[group].started_in_zone[zone_no] += devices;
    note_start(run, group, run->zones[zone_no].window->night, devices, last_ms);
    for (const struct forecast_cohort *cohort = cohorts.begin; cohort < cohorts.end && devices > 0; cohort++) {
        if (cohort->zone != zone_no || cohort->headroom == 0)
            continue;
        struct forecast_branches *branches = branches_of(run, cohort);
        int64_t available = branches->available, part = share(devices, available, all);
        all -= available;
        devices -= part;
        forecast_branches_start(branches, part, last_ms + run->plan->install_timeout_ms);
    }
}

/* Starts the devices that may start now; returns their number. */
static int64_t start_now(struct forecast_run *run, int group, struct forecast_range cohorts)
{
    int64_t rate = rate_here(run);
    int64_t headroom = rest_of_step(run, rate);
    int64_t all = count_available(run, group, cohorts, rate);
    int64_t starting = all < headroom ? all : headroom;
    if (starting == 0)
        return 0;
    int64_t last_ms = run->now_ms;
    if (rate > 0) { /* one after another, within the step */
        run->used += starting;
        last_ms += (starting - 1) * FORECAST_MINUTE_MS / rate;
    }
    int64_t left = starting;
    for (int i = 0; i < run->plan->zone_count && left > 0; i++) {
        int64_t own = run->zones[i].available, part = share(left, own, all);
        all -= own;
        left -= part;
        if (part > 0)
            start_in_zone(run, group, cohorts, i, part, last_ms);
    }
    remember_done(run, starting, last_ms + run->plan->install_timeout_ms);
    return starting;
}

/* Returns the next time at which devices become ready, a window opens or the rate allows starts. FORECAST_NEVER: no
 * more start.
 */
static int64_t next_start_ms(const struct forecast_run *run, struct forecast_range cohorts)
{
    int64_t next_ms = FORECAST_NEVER;
    for (const struct forecast_cohort *cohort = cohorts.begin; cohort < cohorts.end; cohort++) {
        const struct forecast_zone *zone = &run->zones[cohort->zone];
        const struct forecast_branches *branches = branches_of(run, cohort);
        if (cohort->headroom == 0 || branches->waiting == 0 || zone->window == zone->end)
            continue;
        int64_t at_ms = FORECAST_NEVER;
        if (branches->available > 0)
            at_ms = run->now_ms - run->step_began_ms < run->step_ms ? run->step_began_ms + run->step_ms
                                                                    : run->now_ms + run->step_ms;
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

static struct forecast_range cohorts_of(const struct forecast_plan *plan, int group)
{
    struct forecast_range range = {plan->cohorts, plan->cohorts};
    while (range.begin < plan->cohorts + plan->cohort_count && range.begin->group < group)
        range.begin++;
    for (range.end = range.begin; range.end < plan->cohorts + plan->cohort_count && range.end->group == group;)
        range.end++;
    return range;
}

/* Returns how many of the group must be done before the next one opens. */
static int64_t devices_for_gate(const struct forecast_gate *gate, int64_t devices)
{
    enum { ALL = 100 };
    if (!gate->opens_reached)
        return devices;
    int64_t needed = round_up((double)(devices + gate->completed) * gate->success_percent / ALL) - gate->completed;
    return needed < devices ? needed : devices;
}

static void begin_group(struct forecast_run *run, int group)
{
    const struct forecast_gate *gate = &run->plan->gates[group];
    struct forecast_group_run *own = &run->groups[group];
    own->cohorts = cohorts_of(run->plan, group);
    for (const struct forecast_cohort *cohort = own->cohorts.begin; cohort < own->cohorts.end; cohort++) {
        if (cohort->headroom == 0)
            continue;
        int64_t starts = forecast_cohort_devices(cohort) * run->attempts;
        forecast_branches_begin(branches_of(run, cohort), cohort, run->attempts);
        own->devices_in_zone[cohort->zone] += starts;
        run->forecast->groups[group].devices += starts;
    }
    own->places_before =
        group == 0 ? 0 : run->groups[group - 1].places_before + run->forecast->groups[group - 1].devices;
    own->opens_ms = group == 0 || gate->is_open ? run->plan->begin_ms : FORECAST_NEVER;
    own->opens_next_at = devices_for_gate(gate, run->forecast->groups[group].devices / run->attempts) * run->attempts;
}

static bool group_works(const struct forecast_run *run, int group)
{
    const struct forecast_group *totals = &run->forecast->groups[group];
    return run->groups[group].opens_ms <= run->now_ms && totals->started < totals->devices;
}

/* Starts the devices that may start now, in the order of the groups. */
static void work(struct forecast_run *run)
{
    pass_windows(run);
    for (int group = 0; group < run->plan->group_count; group++) {
        const struct forecast_group_run *own = &run->groups[group];
        if (own->opens_ms <= run->now_ms && own->opens_next_at <= 0)
            open_next(run, group, own->opens_ms); /* its gate needs no device */
        if (group_works(run, group))
            (void)start_now(run, group, own->cohorts);
    }
}

static int64_t next_moment(const struct forecast_run *run)
{
    int64_t next_ms = FORECAST_NEVER;
    for (int group = 0; group < run->plan->group_count; group++) {
        int64_t at_ms = run->groups[group].opens_ms;
        if (at_ms <= run->now_ms)
            at_ms = group_works(run, group) ? next_start_ms(run, run->groups[group].cohorts) : FORECAST_NEVER;
        next_ms = next_ms < at_ms ? next_ms : at_ms;
    }
    return next_ms;
}

static void run_groups(struct forecast_run *run)
{
    for (int group = 0; group < run->plan->group_count; group++)
        begin_group(run, group);
    while (run->now_ms != FORECAST_NEVER) {
        work(run);
        run->now_ms = next_moment(run);
    }
}

bool forecast_make(const struct forecast_plan *plan, struct forecast *forecast)
{
    struct forecast_run run;
    bool opened = forecast_run_open(&run, plan, forecast);
    if (opened)
        run_groups(&run);
    else
        forecast_free(forecast);
    forecast_run_close(&run);
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
