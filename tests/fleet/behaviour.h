/* How simulated devices behave: rules read from a YAML file, of which the first that fits a device holds.
 *
 *     seed: 7
 *     rules:
 *       - match: {role: atm, branch: "B00*", device: "*-A1", percentage: 5}
 *         install: {min: 500ms, max: 2s}
 *         failure: {rate: 10, code: disk_full}
 *
 * Every draw is made from the seed and what it is for, so a run can be repeated whatever its timing was.
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
    SILENT_AT_ASK,         /* asks, and never answers the instruction */
    SILENT_AFTER_RECEIVED, /* reports `received`, and nothing more */
};

enum ask_on_connect {
    ASK_WHEN_IT_MATTERS, /* a pull client always; the others when they may have missed a command */
    ASK_ALWAYS,
    ASK_NEVER,
};

struct behaviour {
    struct span receive;     /* from the instruction to `received` */
    struct span install;     /* from `received` to the end */
    int64_t install_reports; /* `installing` reports on the way */
    int64_t failure_parts;   /* of FULL_PARTS executions */
    const char *failure_code;
    int64_t out_of_service_parts; /* of FULL_PARTS executions: the work is done, and the machine cannot serve */
    int64_t crash_parts;          /* of FULL_PARTS executions: gone without DISCONNECT half way through */
    int64_t crash_for_ms;         /* until it comes back and reports `failed`, code interrupted */
    const char *reject_code;      /* "" : it rejects nothing */
    int64_t defer_times;          /* attempts of an instruction that it defers first */
    const char *version;          /* what it reports instead of what it installed; "" : the truth */
    enum silence silence;
    int64_t offline_after_ms; /* after it first was ready; */
    int64_t offline_for_ms;   /* 0: it stays connected */
    int64_t duplicates;       /* times each reply is sent */
    int64_t lost_parts;       /* of FULL_PARTS replies: nobody gets it when it is first sent */
    int64_t late_parts;       /* of FULL_PARTS replies: it is held back, so that later ones overtake it; */
    int64_t late_by_ms;       /* so long */
    bool confirm_all;         /* asks for the confirm of reports that are not final, too */
    bool forgetful;           /* keeps no journal: runs whatever it is given, again and again */
    int ask_qos;
    enum ask_on_connect ask_on_connect;
    int64_t ask_again_ms; /* first wait for an answer; doubles */
    int64_t resend_ms;    /* first wait for a confirm; doubles */
};

#define FULL_PARTS 1000000

struct behaviours;

/* TC_INVALID with every fault of the document. An empty text gives the defaults to every device. */
enum tc_error behaviours_parse(const char *bytes, size_t length, struct behaviours **behaviours,
                               struct document_faults *faults);
void behaviours_free(struct behaviours *behaviours);

/* The device's behaviour, good until behaviours_free. `branch` may be NULL. */
const struct behaviour *behaviours_find(const struct behaviours *behaviours, enum device_role role, const char *branch,
                                        const char *device);

/* What a draw is for: two draws of the same device, instruction and attempt are independent. */
enum draw { DRAW_FAILURE, DRAW_CRASH, DRAW_RECEIVE, DRAW_INSTALL, DRAW_OUT_OF_SERVICE, DRAW_LOST, DRAW_LATE };

/* True in `parts` of FULL_PARTS cases. */
bool behaviours_draw(const struct behaviours *behaviours, enum draw draw, const char *device, int64_t instruction,
                     int32_t attempt, int64_t parts);
/* A duration within the span. */
int64_t behaviours_draw_ms(const struct behaviours *behaviours, enum draw draw, const char *device, int64_t instruction,
                           int32_t attempt, const struct span *span);

#endif
