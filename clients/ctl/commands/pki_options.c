#include "clients/ctl/commands/pki_options.h"

#define CERTIFICATE_VALID_FOR                                                                                          \
    {                                                                                                                  \
        "valid-for", "DURATION", NULL, "365d", "How long the certificate is valid, at most as long as its authority."  \
    }
#define CERTIFICATE_REQUEST                                                                                            \
    {                                                                                                                  \
        "csr", "FILE", NULL, NULL, "Certificate request (PKCS#10) with the key and the same kind and ID."              \
    }
#define AUTHORITY(help)                                                                                                \
    {                                                                                                                  \
        "authority", "operations|devices", NULL, NULL, help                                                            \
    }
const struct option pki_init_options[] = {
    {"name", "NAME", NULL, option_required, "Name of the bank in the authorities' certificates."},
    {"root-valid-for", "DURATION", NULL, "7300d", "How long the root is valid."},
    {"valid-for", "DURATION", NULL, "3650d", "How long the two other authorities are valid."},
    {"crl-valid-for", "DURATION", NULL, "30d", "How long the first revocation lists are valid."},
    NO_OPTION,
};
const struct option pki_issue_options[] = {
    {"kind", "device|orchestrator|operator|server", NULL, option_required, "Kind of the identity."},
    {"id", "ID", NULL, option_required, "ID of the device, orchestrator, operator or server."},
    {"out", "FOLDER", NULL, option_required, "Folder for cert.pem and key.pem; created if it does not exist."},
    {"dns", "NAME", NULL, NULL, "Host name of a server or orchestrator. Repeat it for each name."},
    {"ip", "ADDRESS", NULL, NULL, "IP address of a server or orchestrator. Repeat it for each address."},
    CERTIFICATE_REQUEST,
    CERTIFICATE_VALID_FOR,
    NO_OPTION,
};
const struct option pki_renew_options[] = {
    {"out", "FILE", NULL, NULL, "File for the new certificate. Default: replace the old one."},
    {"overwrite", NULL, NULL, NULL, "Replace the file although it has more than certificates of this identity."},
    CERTIFICATE_REQUEST,
    CERTIFICATE_VALID_FOR,
    NO_OPTION,
};
const struct option pki_revoke_options[] = {
    {"reason", "REASON", NULL, option_required,
     "keyCompromise, affiliationChanged, superseded, cessationOfOperation or unspecified."},
    AUTHORITY("For a serial number that no index has: the authority that issued it."),
    NO_OPTION,
};
const struct option pki_crl_options[] = {
    AUTHORITY("Only this authority. Default: those whose folders exist."),
    {"valid-for", "DURATION", NULL, "30d", "How long the list is valid. After that a broker lets nobody in."},
    {"out", "FILE", NULL, NULL, "Also replace this file of a broker, if the list is good. Needs --authority."},
    {"overwrite", NULL, NULL, NULL, "Replace that file although it has more than lists of this authority."},
    {"signal", "PIDFILE", NULL, NULL, "Then tell the mosquitto of this file to read its list."},
    {"probe", "HOST:PORT", NULL, NULL,
     "Then make sure that this listener refuses a certificate that the list revokes, and accepts another. Needs the "
     "trust "
     "file of operations/, or --ca-file."},
    {"wait", "DURATION", NULL, "10s", "How long --probe waits for the broker to use the list."},
    {"check", NULL, NULL, NULL,
     "Make no list. Check the last one, or that in --out; exit with 1 if it needs attention."},
    {"warn-before", "DURATION", NULL, "10d",
     "With --check: time before the list expires from which it needs attention."},
    NO_OPTION,
};
const struct option pki_rollover_options[] = {
    {"finish", NULL, NULL, NULL, "Trust the new authority alone from now on."},
    {"valid-for", "DURATION", NULL, "3650d", "How long the new authority is valid, at most as long as the root."},
    NO_OPTION,
};
