/* The certificate, the private key and the trusted authorities of one side's TLS connections: PEM files that may be
 * replaced while the program runs.
 *
 * What is in use was read whole and was checked, and is kept in memory. Files that are replaced by others that work
 * come into use; those that do not work are refused, and the ones in use stay. The libraries that make connections get
 * the paths of the kept copies, which stay the same, and never see a file that is half replaced. */
#ifndef TELLERCAST_TLS_CREDENTIALS_H
#define TELLERCAST_TLS_CREDENTIALS_H

#include "base/buffer.h"
#include "base/fault.h"

#include <stdbool.h>
#include <stdint.h>

#define CREDENTIALS_NO_EXPIRY INT64_MAX
#define CREDENTIALS_TIME_UNKNOWN INT64_MIN

struct credentials_files {
    const char *name; /* the group of their settings, in faults and log events: "broker" */
    /* "": none. A certificate has a key. */
    const char *ca_file, *certificate_file, *key_file;
    const char *ca_key; /* the name of the setting `ca_file`; NULL: "ca_file" */
    /* Whether the content of `ca_file` may be used in place of the present one; `present` is NULL when there is none.
     * Its fault is that of a file that does not work. NULL: anything with certificates may. */
    enum tc_error (*check_ca)(const struct buffer *present, const struct buffer *fresh, struct tc_fault *fault);
    bool is_certificate_awaited; /* the program gets its first certificate by itself: until then it is no fault */
};

struct credentials;

/* Checks that the files can be read, are PEM, and that the key is the certificate's. */
enum tc_error credentials_check(const struct credentials_files *files, struct tc_fault *fault);

/* Copies the texts of `files`, and reads the files as credentials_watch does: one that is missing is logged, and may
 * come later. TC_UNAVAILABLE: no memory or no descriptor is left. */
enum tc_error credentials_open(const struct credentials_files *files, struct credentials **credentials,
                               struct tc_fault *fault);
void credentials_close(struct credentials *credentials);

/* Looks whether the files were replaced; cheap when they were not. Returns true when new ones are in use from now on:
 * then make new connections. Logs `certificate.taken`, `certificate.refused` once for what does not work,
 * `certificate.missing` once while there is none yet, and once a day `certificate.expires_soon` when less than a fifth
 * of the certificate's validity is left at `now_ms` (which may be CREDENTIALS_TIME_UNKNOWN). New files count when they
 * have stayed the same since the call before, unless they work at once: several files are not replaced at the same
 * moment. One thread. */
bool credentials_watch(struct credentials *credentials, int64_t now_ms);

/* The path of the copy, in this process only; "" where the file's path is. Any thread. */
const char *credentials_ca_path(const struct credentials *credentials);
const char *credentials_certificate_path(const struct credentials *credentials);
const char *credentials_key_path(const struct credentials *credentials);

/* When the certificate in use expires; CREDENTIALS_NO_EXPIRY: there is none. The thread of credentials_watch. */
int64_t credentials_expiry_ms(const struct credentials *credentials);

#endif
