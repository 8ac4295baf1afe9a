#include "clients/ctl/commands/broker_options.h"

#include "topics/topic.h"

const struct option broker_acl_options[] = {
    {"orchestrator", "USER", NULL, TOPIC_ORCHESTRATOR_USER, "The orchestrators' user name at the broker."},
    {"operator", "USER", NULL, NULL, "An operator who may submit plans by mqtt. Repeat it for each operator."},
    NO_OPTION,
};
#define GUARD_FOLDER "/etc/mosquitto/tellercast"
const struct option broker_guard_options[] = {
    {"mode", "enforce|report", NULL, "enforce", "report: count and log what would be refused, and refuse nothing."},
    {"plugin", "FILE", NULL, "/usr/lib/tellercast/tellercast_guard.so", "The guard's plugin."},
    {"device-port", "PORT", NULL, "8883", "Port for devices."},
    {"operations-port", "PORT", NULL, "8884", "Port for orchestrators and operators."},
    {"device-issuer", "FILE", NULL, GUARD_FOLDER "/devices.pem",
     "Authority that issues the devices' certificates, PEM."},
    {"operations-issuer", "FILE", NULL, GUARD_FOLDER "/operations.pem",
     "Authority that issues the certificates of orchestrators and operators, PEM."},
    {"device-crl", "FILE", NULL, NULL, "Revocation list of the devices' authority, PEM."},
    {"operations-crl", "FILE", NULL, NULL, "Revocation list of the other authority, PEM."},
    {"server-certificate", "FILE", NULL, GUARD_FOLDER "/server.pem", "The broker's certificate, PEM."},
    {"server-key", "FILE", NULL, GUARD_FOLDER "/server.key", "That certificate's private key, PEM."},
    {"state", "FOLDER", NULL, "/var/lib/mosquitto", "Folder in which the guard keeps its table of devices."},
    {"former-port", "PORT", NULL, NULL, "With --mode report: port of the listener for clients without certificates."},
    {"former-passwords", "FILE", NULL, NULL,
     "With --mode report: mosquitto's password_file, which decides about them."},
    {"former-acl", "FILE", NULL, NULL, "With --mode report: mosquitto's acl_file, which decides what they may do."},
    {"orchestrator", "USER", NULL, NULL,
     "With --mode report: user name of orchestrators without a certificate. Default: " TOPIC_ORCHESTRATOR_USER "."},
    {"operators", "USER,...", NULL, NULL, "With --mode report: user names of operators without a certificate."},
    NO_OPTION,
};
