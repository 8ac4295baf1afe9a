/* Rows that the options of several commands share. */
#ifndef TELLERCAST_CTL_OPTION_ROWS_H
#define TELLERCAST_CTL_OPTION_ROWS_H

#include "clients/ctl/commands/command.h"

#define REASON                                                                                                         \
    {                                                                                                                  \
        "reason", "TEXT", NULL, option_required, "The reason. It is recorded with your name."                          \
    }
#define EXPECTED_VERSION                                                                                               \
    {                                                                                                                  \
        "version", "N", NULL, NULL, "Act only if the rollout is still at this version. Default: its current version."  \
    }
#define DRY_RUN(help)                                                                                                  \
    {                                                                                                                  \
        "dry-run", NULL, NULL, NULL, help                                                                              \
    }
#define YES                                                                                                            \
    {                                                                                                                  \
        "yes", NULL, NULL, NULL, "Do not ask for confirmation on a terminal."                                          \
    }
#define LIMIT                                                                                                          \
    {                                                                                                                  \
        "limit", "N", NULL, NULL, "Maximum number of entries to show."                                                 \
    }

#endif
