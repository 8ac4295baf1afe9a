/* The behaviour of simulated devices: rules from a YAML file. The first rule that matches a device applies to it.
 *
 *     seed: 7
 *     rules:
 *       - match: {role: atm, branch: "B00*", device: "*-A1", percentage: 5}
 *         install: {min: 500ms, max: 2s}
 *         failure: {rate: 10, code: disk_full}
 *
 * A draw depends only on the seed and on what it is for. So a run can be repeated, even with another timing.
 * Read once, then any thread. */
#ifndef TELLERCAST_TESTS_FLEET_BEHAVIOUR_H
#define TELLERCAST_TESTS_FLEET_BEHAVIOUR_H

#include "base/id.h"
#include "config/document.h"
#include "topics/message.h"

#include <stdbool.h>
#include <stdint.h>

struct span {
    int64_t least_ms, most_ms;
};

enum silence {
    SILENT_NEVER,
    SILENT_AT_DISPATCH,    /* does not act on commands: a node does not relay, an ATM does not ask */
    SILENT_AT_ASK,         /* asks, and does not react to the instruction */
    SILENT_AFTER_RECEIVED, /* reports `received`, and nothing afterwards */
};

enum ask_on_connect {
    ASK_WHEN_IT_MATTERS, /* pull clients always ask; the others when they may have missed a command */
    ASK_ALWAYS,
    ASK_NEVER,
};

struct behaviour {
    struct span receive;     /* from the instruction to `received` */
    struct span install;     /* from `received` to the end */
    int64_t install_reports; /* number of `installing` reports */
    int64_t failure_parts;   /* of FULL_PARTS executions */
    const char *failure_code;
    int64_t out_of_service_parts; /* of FULL_PARTS executions: the work is done, but the machine is out of service */
    int64_t crash_parts;          /* of FULL_PARTS executions: disconnects without DISCONNECT halfway through */
    int64_t crash_for_ms;         /* time until it returns and reports `failed`, code interrupted */
    const char *reject_code;      /* "": it rejects nothing */
    int64_t defer_times;          /* number of attempts of an instruction that it defers first */
    const char *version;          /* reported instead of the installed version; "": none, it reports the truth */
    enum silence silence;
    int64_t offline_after_ms; /* time from its first connection until it goes offline */
    int64_t offline_for_ms;   /* duration; 0: it stays connected */
    int64_t duplicates;       /* times each reply is sent */
    int64_t lost_parts;       /* of FULL_PARTS replies: the first sending is lost */
    int64_t late_parts;       /* of FULL_PARTS replies: sent late, so that later replies overtake it */
    int64_t late_by_ms;       /* delay of these */
    bool confirm_all;         /* also requests a confirm for reports that are not final */
    bool forgetful;           /* keeps no journal: executes an instruction each time it arrives */
    int ask_qos;
    enum ask_on_connect ask_on_connect;
    int64_t ask_again_ms;   /* first wait for an answer; it doubles each time */
    int64_t resend_ms;      /* first wait for a confirm; it doubles each time */
    int64_t flood_every_ms; /* a hostile device: sends so many asks and reports each time; 0: it is not */
    int64_t flood_asks, flood_reports;
};

#define FULL_PARTS 1000000

struct behaviours;

/* TC_INVALID with all faults of the document. An empty text gives every device the defaults. */
enum tc_error behaviours_parse(const char *bytes, size_t length, struct behaviours **behaviours,
                               struct document_faults *faults);
void behaviours_free(struct behaviours *behaviours);

/* The device's behaviour, good until behaviours_free. `branch` may be NULL. */
const struct behaviour *behaviours_find(const struct behaviours *behaviours, enum device_role role, const char *branch,
                                        const char *device);

/* The purpose of a draw. Draws for different purposes are independent. */
enum draw { DRAW_FAILURE, DRAW_CRASH, DRAW_RECEIVE, DRAW_INSTALL, DRAW_OUT_OF_SERVICE, DRAW_LOST, DRAW_LATE };

/* Returns true in `parts` of FULL_PARTS cases. */
bool behaviours_draw(const struct behaviours *behaviours, enum draw draw, const char *device, int64_t instruction,
                     int32_t attempt, int64_t parts);
/* Returns a duration within the span. */
int64_t behaviours_draw_ms(const struct behaviours *behaviours, enum draw draw, const char *device, int64_t instruction,
                           int32_t attempt, const struct span *span);

#endif
