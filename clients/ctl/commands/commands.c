#include "clients/ctl/commands/command.h"

#include "clients/ctl/commands/broker_options.h"
#include "clients/ctl/commands/device_options.h"
#include "clients/ctl/commands/option_rows.h"
#include "clients/ctl/commands/pki_options.h"
#include "clients/ctl/commands/rollout_options.h"
#include "clients/ctl/commands/run.h"
#include "topics/topic.h"

static const struct option fleet_import_options[] = {
    {"format", "csv|yaml", NULL, NULL, "Format of the file. Default: by its extension."},
    {"default-zone", "ZONE", NULL, NULL,
     "Time zone of devices with neither a branch nor a zone, such as Europe/Berlin."},
    DRY_RUN("Only check the file here; send nothing to the daemon."),
    NO_OPTION,
};
static const struct option fleet_generate_options[] = {
    {"branches", "N", NULL, "200", "Branches, each with its node."},
    {"atms", "N", NULL, "9", "ATM clients in each branch."},
    {"pull", "N", NULL, "0", "Pull clients, which have no node."},
    {"seed", "S", NULL, "1", "The same seed gives the same fleet."},
    {"format", "csv|yaml", NULL, "csv", "Format of the output."},
    NO_OPTION,
};
static const struct option artifact_add_options[] = {
    {"name", "NAME", NULL, option_required, "Artifact name, as used in plans."},
    {"version", "VERSION", NULL, option_required, "Artifact version."},
    NO_OPTION,
};
static const struct option reason_options[] = {REASON, NO_OPTION};
static const struct option key_devices_options[] = {
    {"trusting", NULL, NULL, NULL, "Show the devices that trust it instead."},
    LIMIT,
    NO_OPTION,
};
static const struct option key_revoke_options[] = {
    REASON,
    {"last", NULL, NULL, NULL,
     "Revoke it even if devices trust no other key, or no other is left. No orchestrator can tell them then."},
    NO_OPTION,
};
static const struct option scope_options[] = {
    {"match", "LABELS", NULL, NULL, "Only for devices with these labels, such as region=emea."},
    NO_OPTION,
};
static const struct option operation_options[] = {REASON, EXPECTED_VERSION, NO_OPTION};
static const struct option report_options[] = {
    {"html", NULL, NULL, NULL, "Write one HTML page, printable on A4."},
    {"output", "FILE", NULL, NULL, "Write to this file, completely or not at all. Short form: -o FILE."},
    NO_OPTION,
};
static const struct option preview_options[] = {
    {"svg", "FILE", NULL, NULL, "Also write the timeline to this file, as SVG."},
    NO_OPTION,
};
static const struct option token_create_options[] = {
    {"valid-for", "DURATION", NULL, "90d", "How long the token is valid, at most 365d."},
    NO_OPTION,
};
#define ACT_FILTER                                                                                                     \
    {"who", "PERSON", NULL, NULL, "Show only acts of this person."},                                                   \
        {"what", "ACT|OBJECT", NULL, NULL,                                                                             \
         "Show only this act, such as approve, or those of an operation, such as break_glass, or acts on this: a "     \
         "kind, "                                                                                                      \
         "such as rollout, or one of them, such as rollout/42."},                                                      \
        {"since", "TIME", NULL, "24h",                                                                                 \
         "Show acts since then: so long ago, such as 24h or 30d, a date, or a time such as 2026-12-01T08:00:00Z."},    \
    {                                                                                                                  \
        "until", "TIME", NULL, NULL, "Show acts before then."                                                          \
    }
static const struct option audit_options[] = {
    ACT_FILTER,
    {"format", "table|json-lines|csv", NULL, "table", "Format of the output. CSV is safe to open in a spreadsheet."},
    LIMIT,
    NO_OPTION,
};
static const struct option list_options[] = {LIMIT, NO_OPTION};
#define DEVICE_FILTER                                                                                                  \
    {"where", "LABEL=VALUE", NULL, NULL,                                                                               \
     "Only devices with this label in force, such as region=emea, model, role or branch. Repeat it for each label."},  \
        {"installed", "NAME=VERSION", NULL, NULL, "Only devices that report this version, such as atm-app=4.7.2."},    \
    {                                                                                                                  \
        "state", "retired|unavailable|in_flight|idle", NULL, NULL, "Only devices in this state."                       \
    }
#define ONLINE                                                                                                         \
    {                                                                                                                  \
        "online", "true|false|unknown", NULL, NULL, "Only devices that are online or not, or of whom that is unknown." \
    }
static const struct option device_list_options[] = {DEVICE_FILTER, ONLINE, LIMIT, NO_OPTION};
static const struct option export_devices_options[] = {DEVICE_FILTER, ONLINE, NO_OPTION};
static const struct option version_list_options[] = {DEVICE_FILTER, NO_OPTION};
static const struct option export_versions_options[] = {
    DEVICE_FILTER,
    {"format", "csv|json-lines", NULL, "csv", "Format of the output."},
    NO_OPTION,
};
#define BRANCH_FILTER                                                                                                  \
    {"where", "LABEL=VALUE", NULL, NULL,                                                                               \
     "Only branches with this label, such as region=emea. Repeat it for each label."},                                 \
        {"at-budget", NULL, NULL, NULL, "Only branches whose disruption budget is used up."},                          \
    {                                                                                                                  \
        "without-machine", NULL, NULL, NULL,                                                                           \
            "Only branches with no machine left: all are in flight or out of service."                                 \
    }
static const struct option branch_list_options[] = {BRANCH_FILTER, LIMIT, NO_OPTION};
static const struct option export_branches_options[] = {BRANCH_FILTER, NO_OPTION};
static const struct option export_audit_options[] = {ACT_FILTER, NO_OPTION};
static const struct option review_list_options[] = {
    {"state", "pending|accepted|objected", NULL, NULL, "Show only reviews in this state."},
    LIMIT,
    NO_OPTION,
};
static const struct option freeze_options[] = {
    {"match", "LABELS", NULL, NULL, "Only devices with these labels, such as region=emea. Default: everything."},
    {"until", "TIME", NULL, option_required,
     "When it is meant to be lifted: after so long, such as 6h, or a time such as 2026-12-01T06:00:00Z."},
    REASON,
    {"except", "rollback", NULL, NULL, "Let rollouts that roll back start all the same."},
    DRY_RUN("Only show what it would withdraw and let finish."),
    YES,
    NO_OPTION,
};
static const struct option freeze_list_options[] = {
    {"state", "in_force|lifted", NULL, NULL, "Show only freezes in this state."},
    LIMIT,
    NO_OPTION,
};
static const struct option freeze_lift_options[] = {
    REASON,
    DRY_RUN("Only show what it would let start."),
    YES,
    NO_OPTION,
};
static const struct option events_options[] = {
    {"follow", NULL, NULL, NULL, "Wait for more. Without --since it begins now, otherwise at the oldest event."},
    {"rollout", "ID|NAME", NULL, NULL, "Only those of this rollout."},
    {"kind", "KIND", NULL, NULL, "Only rollout, group, freeze, approval, alarm or amendment."},
    {"since", "POSITION", NULL, NULL, "Begin behind this position, which --json shows with each event."},
    NO_OPTION,
};
static const struct option help_options[] = {
    {"markdown", NULL, NULL, NULL, "Print the page docs/cli.md."},
    {"scdoc", NULL, NULL, NULL, "Print the manual page tellercast(1), as scdoc reads it."},
    NO_OPTION,
};

const struct option global_options[] = {
    {"server", "URL", "TELLERCAST_SERVER", "http://127.0.0.1:8080", "The daemon's HTTP endpoint."},
    {"token-file", "FILE", "TELLERCAST_TOKEN_FILE", NULL, "File with your bearer token in its first line."},
    {"ca-file", "FILE", "TELLERCAST_CA_FILE", NULL, "File with the trusted certificate authorities, PEM."},
    {"proxy", "URL", "TELLERCAST_PROXY", NULL,
     "Proxy for --server. http_proxy and similar variables are ignored. Pass a URL with a password in the variable: "
     "other users of this machine can see command lines."},
    {"socket", "PATH", "TELLERCAST_SOCKET", "/run/tellercast/tellercast.sock", "The daemon's Unix socket."},
    {"broker", "[mqtts://]HOST:PORT", "TELLERCAST_BROKER", "127.0.0.1:1883", "The MQTT broker."},
    {"user", "NAME", "TELLERCAST_USER", NULL, "Your name at the broker."},
    {"password-file", "FILE", "TELLERCAST_PASSWORD_FILE", NULL,
     "File with your password at the broker in its first line."},
    {"certificate-file", "FILE", "TELLERCAST_CERTIFICATE_FILE", NULL, "Your certificate for a broker with TLS, PEM."},
    {"key-file", "FILE", "TELLERCAST_KEY_FILE", NULL, "That certificate's private key, PEM."},
    {"root", "TOPIC", "TELLERCAST_ROOT", TOPIC_ROOT_DEFAULT, "Root of all topics."},
    {"json", NULL, NULL, NULL, "Print data as JSON."},
    {"quiet", NULL, NULL, NULL, "Print no messages except errors."},
    {"help", NULL, NULL, NULL, "Explain the command."},
    {"version", NULL, NULL, NULL, "Print the version."},
    NO_OPTION,
};

const struct command_group command_groups[] = {
    {"rollout", "Rollouts: order an upgrade and follow it"},
    {"approval", "Approvals: what waits, and for whom"},
    {"review", "Reviews of what was done without approvals"},
    {"freeze", "Freezes: nothing starts in a part of the fleet, over all rollouts"},
    {"plan", "Plans: check them before they are submitted"},
    {"artifact", "Artifacts: the files that devices install"},
    {"fleet", "The fleet: branches and devices"},
    {"version", "Versions: which run where"},
    {"branch", "Branches: how they use their machines"},
    {"device", "Devices: one by one"},
    {"export", "Lists as CSV"},
    {"admin", "The installation as a whole"},
    {"person", "People: who may do what"},
    {"token", "The tokens of people"},
    {"broker", "The MQTT broker"},
    {"webhook", "Webhooks: where events are posted"},
    {"key", "Signing keys"},
    {"pki", "Certificates"},
};
const size_t command_group_count = sizeof command_groups / sizeof *command_groups;

#define DEVICE_LIST_HELP "With a part of an ID only the devices whose IDs have it, in upper or lower case."

const struct command commands[] = {
    {"rollout", "submit", "FILE", 1, 1, "Submit a plan.",
     "The plan is checked here first, then by the daemon. Prints the rollout; with --quiet only its ID.",
     rollout_submit_options, run_rollout_submit},
    {"rollout", "list", "", 0, 0, "Show the rollouts, newest first.", NULL, list_options, run_rollout_list},
    {"rollout", "status", "ID|NAME", 1, 1, "Show one rollout and its groups.", NULL, NULL, run_rollout_status},
    {"rollout", "watch", "ID|NAME…", 1, ARGUMENTS_UNBOUNDED, "Follow rollouts live until all have ended.",
     "Draws a bar per group on a terminal, and writes plain lines elsewhere. Continues while a rollout is paused or "
     "waits for approval and while the server is away. The exit code is that of the worst outcome.",
     rollout_wait_options, run_rollout_watch},
    {"rollout", "wait", "ID|NAME…", 1, ARGUMENTS_UNBOUNDED, "Wait silently until all have ended, then show them.",
     "Does not wait for one that is paused or waits for approval: exit code 4. The exit code is that of the worst "
     "outcome.",
     rollout_wait_options, run_rollout_wait},
    {"rollout", "instructions", "ID|NAME", 1, 1, "Show the instruction of each device and its state.", NULL,
     rollout_instructions_options, run_rollout_instructions},
    {"rollout", "failures", "ID|NAME", 1, 1,
     "Show the failures of a rollout by code, model and version, or by a label.",
     "FAILED counts the devices whose attempts have ended, FAILING NOW those that are tried again. VERSION is the one "
     "that a device has now of the artifact.",
     rollout_failures_options, run_rollout_failures},
    {"rollout", "approve", "ID|NAME", 1, 1, "Approve that a rollout starts, continues after a group, or is amended.",
     "Shows what is approved: the rollout, its digest and its devices. You cannot approve what you ordered yourself. "
     "An approval is bound to the digest: a changed plan needs new approvals.",
     rollout_decision_options, run_rollout_approve},
    {"rollout", "reject", "ID|NAME", 1, 1, "Reject that a rollout starts, continues after a group, or is amended.",
     "One rejection ends it.", rollout_decision_options, run_rollout_reject},
    {"rollout", "pause", "ID|NAME", 1, 1, "Pause a rollout, or a group of it: start no more devices for now.",
     "Devices that have started finish and are recorded. Soaks and gates of a paused group go on.",
     rollout_pause_options, run_rollout_pause},
    {"rollout", "resume", "ID|NAME", 1, 1, "Resume a paused rollout, or a paused group of it.",
     "After an abort it needs as many approvals by other people as the plan did; until then it exits with 4.",
     rollout_pause_options, run_rollout_resume},
    {"rollout", "exclude", "ID|NAME", 1, 1, "Take the devices of a branch or a label out of a rollout.",
     "What was not started is cancelled; what no device was answered with is withdrawn; what is at work finishes. What "
     "has ended stays in gates and abort criteria. No retry brings them back.",
     rollout_exclude_options, run_rollout_exclude},
    {"rollout", "skip", "ID|NAME DEVICE", 2, 2, "Take one device out of a rollout.", "As rollout exclude does.",
     rollout_skip_options, run_rollout_skip},
    {"rollout", "cancel", "ID|NAME", 1, 1, "Cancel a rollout: start no more devices.",
     "Unanswered instructions are withdrawn; running installations finish and are recorded.", rollout_operation_options,
     run_rollout_cancel},
    {"rollout", "retry", "ID|NAME", 1, 1, "Retry the devices that failed, rejected the instruction or timed out.",
     "A halted rollout runs again, and what waits in it may start, too. One that an abort stopped is paused and needs "
     "the approvals of a resume.",
     rollout_operation_options, run_rollout_retry},
    {"rollout", "promote", "ID|NAME [GROUP]", 1, 2, "Continue past the silent, deferring or failed devices of a group.",
     "Silent devices were started and do not answer, or timed out without an answer; deferring ones asked for a later "
     "time. The gate is judged without them, and the next group opens once all others have settled. They stay listed, "
     "and their attempts continue. Past "
     "failed "
     "devices it is an amendment, which names them, and exits with 4 while it waits. Default: the first group that "
     "keeps the next one waiting.",
     rollout_promote_options, run_rollout_promote},
    {"rollout", "rollback", "ID|NAME", 1, 1, "Return the devices that completed to their previous version.",
     "Creates the rollout NAME.rollback, which needs as many approvals as this one did. This one is cancelled if "
     "it has not ended.",
     rollout_operation_options, run_rollout_rollback},
    {"rollout", "revise", "ID|NAME FILE", 2, 2, "Replace the plan of a rollout that has not started.",
     "The new plan must have the same name. Approvals become void, because the digest changes, and the new plan needs "
     "no fewer than the one before.",
     operation_options, run_rollout_revise},
    {"rollout", "amend", "ID|NAME", 1, 1, "Give a rollout under way another rate, budget or end, without a new plan.",
     "Shows first what it does to the rest. What tightens is in force at once. What loosens waits for as many "
     "approvals "
     "by other people as the plan needed; then it exits with 4. The plan keeps its digest.",
     rollout_amend_options, run_rollout_amend},
    {"rollout", "amendments", "ID|NAME", 1, 1, "Show the amendments of a rollout.", NULL, list_options,
     run_rollout_amendments},
    {"rollout", "break-glass", "ID|NAME", 1, 1, "Let a rollout run without the approvals that it waits for.",
     "For emergencies; needs role break_glass. The rollout starts, or continues after an abort, at once; its gates, "
     "budgets and abort criteria hold. Two people who had no part in it must review it afterwards.",
     rollout_operation_options, run_rollout_break_glass},
    {"rollout", "forecast", "ID|NAME", 1, 1, "Show when a rollout ends, at best and at worst.",
     "Says what each end assumes, draws what was planned and what was done, and shows how the forecast changed. A "
     "paused "
     "rollout has no forecast.",
     NULL, run_rollout_forecast},
    {"rollout", "drift", "ID|NAME", 1, 1, "Compare the devices of a rollout with those that its plan would select now.",
     "The rollout itself stays as it was planned.", NULL, run_rollout_drift},
    {"rollout", "report", "ID|NAME", 1, 1, "Write the evidence of a rollout.",
     "Contains who ordered it and who approved which digest, all events, plan and actual per night, deviations, and "
     "every device with its states and times.",
     report_options, run_rollout_report},
    {"approval", "list", "", 0, 0, "Show what waits for an approval or a second person, and what of it you may decide.",
     NULL, NULL, run_approval_list},
    {"review", "list", "", 0, 0, "Show what was done without approvals, and its reviews.", NULL, review_list_options,
     run_review_list},
    {"review", "accept", "REVIEW", 1, 1, "Accept what was done without approvals.",
     "Two people who may approve and had no part in it decide. A decision is final.", reason_options,
     run_review_accept},
    {"review", "object", "REVIEW", 1, 1, "Object to what was done without approvals.",
     "One objection is enough for the review to end as objected. It stops nothing: pause or roll back the rollout.",
     reason_options, run_review_object},
    {"freeze", "list", "", 0, 0, "Show the freezes, newest first.", NULL, freeze_list_options, run_freeze_list},
    {"freeze", "show", "FREEZE", 1, 1, "Show one freeze, and who lifted it.", NULL, NULL, run_freeze_show},
    {"freeze", "lift", "FREEZE", 1, 1, "Lift a freeze: what waits in its scope starts again.",
     "First shows how many instructions wait in its scope, and which of them another freeze holds. "
     "Exits with 4 when the policy of the site asks for a second person, who must be an approver and gives the same "
     "command.",
     freeze_lift_options, run_freeze_lift},
    {"plan", "validate", "FILE…", 1, ARGUMENTS_UNBOUNDED, "Check plans locally, and show every fault.",
     "The daemon checks the rest, such as devices and artifacts, when a plan is submitted.", NULL, run_plan_validate},
    {"plan", "preview", "FILE", 1, 1, "Show what a plan would do, without ordering anything.",
     "Shows for each group and night how many devices start and when the last one ends, as tables and as a timeline. "
     "Warns of devices that fit no window, branches whose budget has no headroom, and rollouts on the same devices.",
     preview_options, run_plan_preview},
    {"plan", "show", "FILE", 1, 1, "Show a plan's canonical form and its digest.", "Approvals are bound to the digest.",
     NULL, run_plan_show},
    {"artifact", "add", "FILE", 1, 1, "Upload a file to the daemon's artifact store.", NULL, artifact_add_options,
     run_artifact_add},
    {"artifact", "list", "", 0, 0, "Show the stored artifacts and the blocked versions.", NULL, NULL,
     run_artifact_list},
    {"artifact", "affected", "NAME VERSION", 2, 2, "Show the devices that run a version or are about to install it.",
     "These are the devices that reported it as installed, and those with an instruction to install it in flight.",
     list_options, run_artifact_affected},
    {"artifact", "block", "NAME VERSION", 2, 2, "Block a version that is known to be bad.",
     "At once, plans with it are refused, its running rollouts pause, and no device is told to install it. Devices "
     "that "
     "install it finish, and devices that run it stay as they are: tellercast rollout rollback takes them back. The "
     "version need not be stored. Given while an order to unblock it waits, it drops that order.",
     reason_options, run_artifact_block},
    {"artifact", "unblock", "NAME VERSION", 2, 2, "Unblock a version.",
     "Takes two people: the first orders it and gets exit code 4, the second, who must be an approver, gives the same "
     "command. Paused rollouts stay paused until they are resumed.",
     reason_options, run_artifact_unblock},
    {"fleet", "import", "FILE", 1, 1, "Import branches and devices, all or none.",
     "The file is checked locally first; every fault is shown with its line.", fleet_import_options, run_fleet_import},
    {"fleet", "generate", "", 0, 0, "Generate a large fleet for trials.", NULL, fleet_generate_options,
     run_fleet_generate},
    {"fleet", "list", "[PART]", 0, 1, "Show the devices.", DEVICE_LIST_HELP, device_list_options, run_device_list},
    {"version", "list", "[PART]", 0, 1, "Count the devices by artifact and installed version.",
     "With a part of an ID only the devices whose IDs have it. Without --state retired devices are left out.",
     version_list_options, run_version_list},
    {"branch", "list", "[PART]", 0, 1, "Show the branches, and how they use their machines.",
     "With a part of an ID or a name only the branches that have it, in upper or lower case.", branch_list_options,
     run_branch_list},
    {"branch", "show", "ID", 1, 1, "Show one branch: who is at work there, who is out of service, and who waits.", NULL,
     NULL, run_branch_show},
    {"device", "show", "ID", 1, 1, "Show one device and its versions.", NULL, NULL, run_device_show},
    {"device", "trace", "ID", 1, 1, "Show all instructions of a device and their history, in order.", NULL, NULL,
     run_device_trace},
    {"device", "logs", "ID [LOG]", 1, 2, "Show the logs of a device, or one of them.",
     "A log is the end of what an installer printed when it failed, or a file that was collected; the device has "
     "masked it. That you read one is recorded.",
     list_options, run_device_logs},
    {"device", "collect", "ID", 1, 1, "Get a file of a device.",
     "The device gives its last 64 KiB, masked, which are then one of its logs. Takes no budget and waits for no "
     "window or freeze; an instruction in flight comes first. It expires after two hours. Exit code 4: the policy "
     "asks for an approval.",
     device_collect_options, run_device_collect},
    {"device", "return", "ID", 1, 1, "Return a device to service that was out of service or retired.",
     "It then no longer uses the budget of its branch. A successful installation returns it automatically, unless it "
     "was "
     "retired.",
     reason_options, run_device_return},
    {"device", "enroll", "ID", 1, 1, "Make the code with which a device gets its first certificate.",
     "The code is printed once, and good for one enrolment. A new code voids the one before. A device whose "
     "certificate "
     "has expired or was revoked needs a new code.",
     device_enroll_options, run_device_enroll},
    {"device", "revoke", "ID", 1, 1, "Revoke all certificates of a device, and void its code.",
     "No certificate of the device that began before counts any more, also one that the database does not know: "
     "the broker's guard disconnects the device at once, and it neither renews by one nor downloads. A broker "
     "without the guard refuses only the certificates that its next revocation list names: tellercast device "
     "crl.",
     reason_options, run_device_revoke},
    {"device", "crl", "", 0, 0, "Print the revocation list of the devices' certificates.",
     "It has those that the daemon's authority of devices issued and that have not expired, and is good for 7 days.",
     NULL, run_device_crl},
    {"device", "retire", "ID", 1, 1, "Retire a device: it gets nothing any more, as after it was stolen or replaced.",
     "Its open instructions are cancelled, its asks are not answered, and a broker with the guard disconnects it. Its "
     "ID "
     "stays taken until the device is returned: tellercast device return.",
     reason_options, run_device_retire},
    {"device", "list", "[PART]", 0, 1, "Show the devices.", DEVICE_LIST_HELP, device_list_options, run_device_list},
    {"broker", "acl", "", 0, 0, "Write mosquitto's access list for the fleet.",
     "Patterns cover all devices: the user name of a device is its ID.", broker_acl_options, run_broker_acl},
    {"broker", "guard", "[status]", 0, 1, "Write mosquitto's settings with the guard, or show the guard's status.",
     "The guard is a plugin that decides what each certificate may do. The status shows what it refused, who is "
     "connected, "
     "and how many devices connect without a certificate.",
     broker_guard_options, run_broker_guard},
    {"admin", "status", "", 0, 0, "Show the installation and the restores of its database.",
     "Shows a restore that is not accepted yet, and how many devices have reported what they did since the last one.",
     NULL, run_admin_status},
    {"admin", "accept-restored", "", 0, 0, "Accept a database that was restored from a backup.",
     "Orders made after the backup are lost; devices are asked what they did of them. Numbers that devices have seen "
     "are not reused.",
     reason_options, run_admin_accept_restored},
    {"admin", "unknown-orders", "", 0, 0, "Show device reports on orders that the restored database does not know.",
     NULL, list_options, run_admin_unknown_orders},
    {"person", "create", "NAME", 1, 1, "Create a person.",
     "The name is what the record of every act has; it is never changed. A name that acted before there were people "
     "takes "
     "two admins.",
     NULL, run_person_create},
    {"person", "list", "", 0, 0, "Show the people and their roles.", NULL, list_options, run_person_list},
    {"person", "show", "[NAME]", 0, 1, "Show a person: roles, aliases and tokens; without NAME, who you are.", NULL,
     NULL, run_person_show},
    {"person", "disable", "NAME", 1, 1, "Disable a person: withdraw all roles and revoke all tokens.",
     "Holds at every orchestrator within a second.", NULL, run_person_disable},
    {"person", "enable", "NAME", 1, 1, "Enable a disabled person, without roles and tokens.", NULL, NULL,
     run_person_enable},
    {"person", "grant", "NAME ROLE", 2, 2,
     "Give a person a role: viewer, operator, approver, auditor, admin or break_glass.",
     "With --match the role counts for devices with these labels alone: --match region=emea, or --match "
     "'region=emea,apac;site=branch' for one of several values and for several labels. A person may have a role in "
     "several "
     "scopes. A grant within a scope that the person has narrows the role to it. The roles approver, admin and "
     "break_glass take two admins: the first orders it and gets exit code 4, the second gives the "
     "same command. Narrowing takes one. Tokens and aliases that one admin alone gave before then count no more.",
     scope_options, run_person_grant},
    {"person", "withdraw", "NAME ROLE", 2, 2, "Take a role from a person.", "Without --match: wherever it counts.",
     scope_options, run_person_withdraw},
    {"person", "link", "NAME KIND ALIAS", 3, 3, "Say by which other name a person is known.",
     "KIND is unix_user (at the socket), certificate (its common name, at a broker with the guard), mqtt_user (at "
     "another broker), oidc (at the identity provider: its issuer, #, and sub) or author (in the record of what was "
     "done before). Takes two admins for an author, for oidc, and for a person who may approve or is an admin.",
     NULL, run_person_link},
    {"person", "unlink", "NAME KIND ALIAS", 3, 3, "Take another name from a person.", "An author's name stays.", NULL,
     run_person_unlink},
    {"token", "create", "[PERSON]", 0, 1, "Make a token, for yourself or as an admin for another person.",
     "The token is printed once. That of a person who may approve or is an admin counts when another admin has "
     "confirmed "
     "it, unless it is your own.",
     token_create_options, run_token_create},
    {"token", "list", "[PERSON]", 0, 1, "Show tokens, and when each was last used.",
     "Shows your own, and all to auditors and admins.", list_options, run_token_list},
    {"token", "revoke", "TOKEN", 1, 1, "Revoke a token.", "Holds at every orchestrator within a second.", NULL,
     run_token_revoke},
    {"token", "confirm", "TOKEN", 1, 1, "Confirm a token that another admin made.", NULL, NULL, run_token_confirm},
    {"key", "create", "FILE", 1, 1, "Create a signing key.", "Does not replace an existing file.", NULL,
     run_key_create},
    {"key", "public", "FILE", 1, 1, "Print the public half of a signing key, for the devices.", NULL, NULL,
     run_key_public},
    {"key", "list", "", 0, 0, "Show the signing keys of the installation, and how many devices trust each.",
     "Warns while no key signs, and of devices that trust a key which no orchestrator has registered.", NULL,
     run_key_list},
    {"key", "devices", "KEY", 1, 1, "Show the devices that do not trust a signing key.", NULL, key_devices_options,
     run_key_devices},
    {"key", "rotate", "", 0, 0, "Begin to sign with new keys.",
     "Each orchestrator makes a key. Devices are told to trust it, and it signs once no device lacks it.",
     reason_options, run_key_rotate},
    {"key", "revoke", "KEY", 1, 1, "Stop signing with a key at once, and make devices drop it for ever.",
     "Devices learn it from a key set that another of their keys signs.", key_revoke_options, run_key_revoke},
    {"key", "use", "KEY", 1, 1, "Sign with a new key though devices lack it.",
     "Devices that lack it refuse what it signs until they have been told.", reason_options, run_key_use},
    {"webhook", "list", "", 0, 0, "Show how far each webhook has got.", NULL, NULL, run_webhook_list},
    {"webhook", "test", "NAME", 1, 1, "Post a test to a webhook, and show what its receiver answered.", NULL, NULL,
     run_webhook_test},
    {"pki", "init", "FOLDER", 1, 1, "Create the certificate authorities of an installation.",
     "Creates the root, the operations authority and the device authority, each in a folder of its own. Keep the first "
     "two offline.",
     pki_init_options, run_pki_init},
    {"pki", "issue", "FOLDER", 1, 1, "Issue a certificate.",
     "Makes the key too, unless --csr brings one. Replaces no file. Prints the serial number.", pki_issue_options,
     run_pki_issue},
    {"pki", "renew", "FOLDER CERTIFICATE", 2, 2, "Issue a certificate again, for the same identity and names.",
     "It has the same key, unless --csr brings another one. A revoked certificate is not renewed.", pki_renew_options,
     run_pki_renew},
    {"pki", "revoke", "FOLDER SERIAL|CERTIFICATE", 2, 2, "Revoke a certificate.",
     "Brokers learn it from the next revocation list: tellercast pki crl.", pki_revoke_options, run_pki_revoke},
    {"pki", "crl", "FOLDER", 1, 1, "Make the next revocation list, and bring it to a broker.",
     "Without --out the list is only written to the authority's folder.", pki_crl_options, run_pki_crl},
    {"pki", "rollover", "FOLDER operations|devices", 2, 2, "Replace an authority by a new one.",
     "Both are trusted until --finish. Needs the root's key. See docs/pki.md.", pki_rollover_options, run_pki_rollover},
    {"export", "devices", "[PART]", 0, 1, "Write the devices as CSV, which is safe to open in a spreadsheet.",
     DEVICE_LIST_HELP, export_devices_options, run_export_devices},
    {"export", "branches", "[PART]", 0, 1, "Write the branches as CSV.", NULL, export_branches_options,
     run_export_branches},
    {"export", "versions", "[PART]", 0, 1, "Write how many devices have which version, as CSV.",
     "With a part of an ID only the devices whose IDs have it. Without --state retired devices are left out.",
     export_versions_options, run_export_versions},
    {"export", "instructions", "ROLLOUT", 1, 1, "Write the instructions of a rollout as CSV.", NULL, NULL,
     run_export_instructions},
    {"export", "failures", "ROLLOUT", 1, 1, "Write the devices behind the failures of a rollout as CSV.", NULL, NULL,
     run_export_failures},
    {"export", "audit", "", 0, 0, "Write the record of acts as CSV.", NULL, export_audit_options, run_export_audit},
    {NULL, "tonight", "", 0, 0, "Show what needs attention, what runs, the windows within a day, and what waits.",
     "What needs attention comes first. The windows are on the clocks of their zones.", NULL, run_tonight},
    {NULL, "events", "", 0, 0, "Show what changed of rollouts, groups, freezes, approvals and alarms.",
     "With --follow it goes on until it is interrupted, also when the server was away.", events_options, run_events},
    {NULL, "why", "ROLLOUT|BRANCH|DEVICE", 1, 1, "Show why something waits, and when that changes.",
     "A number is the ID of a rollout; another word is a branch, else a device, else the name of a rollout. To say "
     "which: branch=ID, device=ID, id=N or name=NAME. The verdict tells what the scheduler does next: an instruction "
     "that starts, is in line for the rate or its branch, waits, is at work, or has ended and may be tried again.",
     NULL, run_why},
    {NULL, "freeze", "", 0, 0, "Freeze a part of the fleet: nothing starts there, over all rollouts.",
     "Also not by break-glass or by an automatic rollback. What was not answered is withdrawn and waits, what is at "
     "work finishes; shows how many these are, and asks for confirmation on a terminal. Windows are not extended. A "
     "freeze stays in force until it is lifted: tellercast freeze lift.",
     freeze_options, run_freeze},
    {NULL, "audit", "", 0, 0, "Show who did what, and what was refused.",
     "Shows the record of acts, the oldest first, to auditors and admins. Refusals of peers that are not known are "
     "counted for each minute.",
     audit_options, run_audit},
    {NULL, "completion", "bash|zsh|fish", 1, 1, "Print the completion script for a shell.",
     "An installation puts it where the shells look. To try it: source <(tellercast completion bash), or "
     "tellercast completion fish | source.",
     NULL, run_completion},
    {NULL, "help", "[COMMAND]", 0, 2, "Explain the commands, or one of them.", NULL, help_options, run_help},
};
const size_t command_count = sizeof commands / sizeof *commands;
