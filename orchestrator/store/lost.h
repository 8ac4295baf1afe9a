/* Reports from the time that a restore of the database lost, and the recall of devices that asks for them. */
#ifndef TELLERCAST_ORCHESTRATOR_STORE_LOST_H
#define TELLERCAST_ORCHESTRATOR_STORE_LOST_H

#include "orchestrator/store/conduct.h"
#include "orchestrator/store/report.h"

/* The most unknown orders (reports on instructions that the database does not know) that are kept: of one device, and,
 * approximately, of all. More are refused. */
#define UNKNOWN_ORDERS_A_DEVICE 256
#define UNKNOWN_ORDERS_MAX 1000000
/* The most attempts of one instruction that can have been lost. Reports on later ones are refused. */
#define LOST_ATTEMPTS_MAX 1000

/* Sets `*possible`: whether reports can be from a lost time, since the database was once restored. TC_UNAVAILABLE while
 * a restore is not accepted. */
enum tc_error lost_is_possible(struct store *store, bool *possible, struct tc_fault *fault);

/* Checks a report that report_write found unknown or not started. If the database was once restored: keeps a report on
 * an instruction that the restore lost (REPORT_KEPT); moves an instruction from before the restore as if it had been
 * started, unless the attempt is more than LOST_ATTEMPTS_MAX ahead. Otherwise `*result` does not change. */
enum tc_error lost_take(struct store *store, const struct report_row *report, int shard, struct report_result *result,
                        struct tc_fault *fault);

struct recalled {
    char device[TC_ID_SIZE];
    int64_t epoch;     /* of the restore that the recall follows */
    bool has_reported; /* the device reported what it did; false: its agent does not support that */
};

enum tc_error lost_write_recalled(struct store *store, const struct recalled *recalled, size_t count,
                                  struct tc_fault *fault);

/* The present round of the recall; epoch 0: none. */
struct recall_round {
    int64_t epoch, rollout;
    int before; /* number of earlier rounds */
};

struct recall_place {
    char branch[TC_ID_SIZE], device[TC_ID_SIZE];
};

struct recall_device {
    char device[TC_ID_SIZE], branch[TC_ID_SIZE];
    bool node;
};

enum tc_error lost_find_round(struct store *store, struct recall_round *round, struct tc_fault *fault);
/* Reads the next `most` devices of branches to be asked; the last page has fewer than `most`. */
enum tc_error lost_read_page(struct store *store, int64_t epoch, const struct recall_place *after, size_t most,
                             struct recall_device *devices, size_t *count, struct tc_fault *fault);
enum tc_error lost_end_round(struct store *store, int64_t epoch, int64_t pause_ms, struct tc_fault *fault);

/* Reads the next `most` pull clients after `after` with nothing in flight: their topics must be empty. The caller frees
 * `*released`. */
enum tc_error lost_read_idle_pull(struct store *store, const char *after, size_t most, struct released **released,
                                  size_t *count, struct tc_fault *fault);

#endif
