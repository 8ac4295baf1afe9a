/* The options of the commands of brokers, for the table of commands. */
#ifndef TELLERCAST_CTL_BROKER_OPTIONS_H
#define TELLERCAST_CTL_BROKER_OPTIONS_H

#include "clients/ctl/commands/command.h"

extern const struct option broker_acl_options[];
extern const struct option broker_guard_options[];

#endif
