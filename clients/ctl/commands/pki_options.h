/* The options of the commands of certificates, for the table of commands. */
#ifndef TELLERCAST_CTL_PKI_OPTIONS_H
#define TELLERCAST_CTL_PKI_OPTIONS_H

#include "clients/ctl/commands/command.h"

extern const struct option pki_init_options[];
extern const struct option pki_issue_options[];
extern const struct option pki_renew_options[];
extern const struct option pki_revoke_options[];
extern const struct option pki_crl_options[];
extern const struct option pki_rollover_options[];

#endif
