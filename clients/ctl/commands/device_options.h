/* The options of the commands of devices, for the table of commands. */
#ifndef TELLERCAST_CTL_DEVICE_OPTIONS_H
#define TELLERCAST_CTL_DEVICE_OPTIONS_H

#include "clients/ctl/commands/command.h"

extern const struct option device_collect_options[];
extern const struct option device_enroll_options[];

#endif
