/* Private to the pki commands: what they share. */
#ifndef TELLERCAST_CTL_PKI_H
#define TELLERCAST_CTL_PKI_H

#include "clients/ctl/commands/session.h"
#include "pki/authority.h"

#include <limits.h>

/* Certificates and lists start this much before now, for peers whose clocks are behind. */
#define PKI_BACKDATE_MS (INT64_C(5) * 60 * 1000)

/* Shows the fault of a local file or of an order. Returns EXIT_ERROR. */
int pki_fail(const struct session *session, const struct tc_fault *fault);

/* Reads a duration option. False after the fault was shown. */
bool pki_duration(const struct session *session, const char *option, int64_t *duration_ms, int *code);
/* Reads --valid-for as a validity from now on. False after the fault was shown. */
bool pki_valid_for(const struct session *session, const char *option, struct pki_validity *validity, int *code);

/* Writes the path of an authority's folder in the folder of the first argument. False after the fault was shown. */
bool pki_folder(const struct session *session, enum pki_authority_kind kind, char path[static PATH_MAX], int *code);
/* Reads --authority; false after the fault was shown. `kind` stays as it is when it is not given. */
bool pki_authority_option(const struct session *session, enum pki_authority_kind *kind, int *code);

/* Opens an authority; NULL after the fault was shown. */
struct pki_authority *pki_open(const struct session *session, enum pki_authority_kind kind, int *code);
/* Opens the authority that this one replaces during a rollover. False after the fault was shown; `previous` is NULL
 * when there is none. */
bool pki_open_previous(const struct session *session, enum pki_authority_kind kind, struct pki_authority **previous,
                       int *code);

/* Shows why a file may not be replaced (see pki/replaceable.h), and what to do. Returns EXIT_ERROR. */
int pki_fail_to_replace(const struct session *session, const struct tc_fault *fault);

/* Prints the serial number, or with --json all facts of the certificate. Returns EXIT_HEALTHY. */
int pki_show_issued(const struct session *session, const X509 *certificate, const char *path);

#endif
