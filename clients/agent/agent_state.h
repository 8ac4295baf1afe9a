/* The state of the step machine. Private to the agent_*.c files; each of them has a header for its steps. */
#ifndef TELLERCAST_CLIENTS_AGENT_AGENT_STATE_H
#define TELLERCAST_CLIENTS_AGENT_AGENT_STATE_H

#include "clients/agent/action/journal.h"
#include "clients/agent/action/verify.h"
#include "clients/agent/agent.h"
#include "clients/agent/hold.h"
#include "clients/agent/nonces.h"
#include "clients/agent/outbox.h"
#include "clients/agent/relay.h"
#include "clients/agent/technician/technician_pace.h"

#include <limits.h>

#define PROGRESS_REPORTS_MAX 250 /* of an attempt */

enum agent_stage {
    STAGE_READING_VERSIONS,
    STAGE_VERSIONS_RETRY, /* an end depends on the versions, and an installer of an earlier run still runs */
    STAGE_IDLE,
    STAGE_DOWNLOADING,
    STAGE_WAITING, /* ready to install, every device; a node also waits here until its dispatches are acknowledged */
    STAGE_INSTALLING,
};

struct agent_ask {
    bool is_due;        /* ask now, without a dispatch */
    bool is_unanswered; /* the next live instruction is its answer */
    int64_t until_ms;   /* the last dispatch is valid until then; INT64_MIN: none */
    int64_t next_ms;
    int64_t delay_ms;
    int64_t period_next_ms;
    int64_t command_handled_ms; /* monotonic; when the last command was handled */
    bool is_command_waiting;    /* another command came too soon */
    int64_t download_next_ms;
    int64_t technician_ms; /* not 0: a hold began or ended, ask then */
    struct technician_pace technician_pace;
};

/* An instruction that waits: the agent is busy, or it is not certain of the time. */
struct agent_pending {
    bool is_set;
    bool is_answer;        /* to an ask of this device */
    bool is_final;         /* decide by the known time; there will be no better one */
    bool is_refused;       /* by the known time it would be refused */
    int64_t not_before_ms; /* process it then */
    struct buffer token;
};

/* The attempt that waits for a certain time, and until when. */
struct agent_time_wait {
    int64_t instruction;
    int32_t attempt;
    int64_t until_ms;
};

/* The current download, or one that an earlier run left. */
struct agent_download {
    bool may_be_withdrawn; /* the orchestrators seem to have withdrawn its instruction */
    bool is_withdrawn;     /* its instruction is withdrawn; the download is ending */
};

/* The highest epoch seen before the present day, which began at `since_ms`: see agent_epoch_max. */
struct agent_epoch_day {
    int64_t seen, since_ms;
};

struct agent {
    struct agent_config config;
    struct agent_effects effects;
    char *work_folder, *artifact_folder, *parameters_path;
    struct journal *journal;
    struct outbox *outbox;
    struct device_clock clock;
    struct relay relay;
    char *hold_path;
    struct hold hold; /* the technician's */

    enum agent_stage stage;
    bool is_connected;
    bool is_stopping;
    struct agent_ask ask;
    struct nonces nonces;
    struct agent_pending pending;
    struct agent_time_wait time_wait;
    struct buffer proof;       /* the last answer that proved the time; for the privileged half */
    bool awaits_proof;         /* the attempt is ready to install, but the privileged half would not know the time */
    json_t *versions;          /* installed versions; NULL: unknown */
    json_t *versions_read;     /* found so far by the current reading */
    int64_t versions_retry_ms; /* when to read them again; 0: not needed */

    /* The attempt under way. */
    struct instruction_payload payload;
    struct journal_entry entry;
    struct buffer token; /* its signed instruction; for the privileged half */
    struct agent_download download;
    char artifact_path[PATH_MAX]; /* "": none */
    int32_t sequence_limit;       /* sequences reserved in the journal */
    struct report installing;     /* the last report of the installation */
    int64_t progress_next_ms;

    int64_t keys_next_ms; /* when to look again whether the file of keys was edited */
    struct agent_epoch_day epoch_day;
};

#endif
