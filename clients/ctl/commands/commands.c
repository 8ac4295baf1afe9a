#include "clients/ctl/commands/command.h"

#include "clients/ctl/commands/run.h"
#include "topics/topic.h"

#define NO_OPTION                                                                                                      \
    {                                                                                                                  \
        NULL, NULL, NULL, NULL, NULL                                                                                   \
    }
#define REASON                                                                                                         \
    {                                                                                                                  \
        "reason", "TEXT", NULL, NULL, "Why. Needed; it is written down with your name."                                \
    }
#define EXPECTED_VERSION                                                                                               \
    {                                                                                                                  \
        "version", "N", NULL, NULL,                                                                                    \
            "Only if the rollout is still at this version, the one you saw. Default: the one that it has now."         \
    }
#define LIMIT                                                                                                          \
    {                                                                                                                  \
        "limit", "N", NULL, NULL, "Show at most so many."                                                              \
    }

static const struct option fleet_import_options[] = {
    {"format", "csv|yaml", NULL, NULL, "What the file is written in. By its extension when not given."},
    {"dry-run", NULL, NULL, NULL, "Only read and check the file here; the daemon is not asked."},
    NO_OPTION,
};
static const struct option fleet_generate_options[] = {
    {"branches", "N", NULL, "200", "Branches, each with its node."},
    {"atms", "N", NULL, "9", "ATM clients in each branch."},
    {"pull", "N", NULL, "0", "Pull clients, which have no node."},
    {"seed", "S", NULL, "1", "The same seed makes the same fleet."},
    {"format", "csv|yaml", NULL, "csv", "What to write."},
    NO_OPTION,
};
static const struct option artifact_add_options[] = {
    {"name", "NAME", NULL, NULL, "The artifact's name, as plans call it. Needed."},
    {"version", "VERSION", NULL, NULL, "Its version. Needed."},
    NO_OPTION,
};
static const struct option rollout_submit_options[] = {
    {"via", "http|mqtt|socket", NULL, "http", "The door to use. All three check the same and answer the same."},
    {"wait", NULL, NULL, NULL, "Then watch the rollout, and exit by how it ends."},
    {"timeout", "DURATION", NULL, NULL, "With --wait: give up after this long, such as 90s, 10m or 2h."},
    {"idempotency-key", "KEY", NULL, NULL, "The same key again gives the same rollout again. By http only."},
    {"password-file", "FILE", NULL, NULL, "By mqtt: the password is its first line."},
    {"certificate-file", "FILE", NULL, NULL, "By mqtt with TLS: the client's certificate."},
    {"key-file", "FILE", NULL, NULL, "By mqtt with TLS: the certificate's private key."},
    NO_OPTION,
};
static const struct option rollout_wait_options[] = {
    {"timeout", "DURATION", NULL, NULL, "Give up after this long, such as 90s, 10m or 2h."},
    NO_OPTION,
};
static const struct option judgement_options[] = {
    REASON,
    {"group", "GROUP", NULL, NULL, "Only that the rollout may go on after this group, where the plan asks for it."},
    {"digest", "DIGEST", NULL, NULL, "Of the plan that you read. Default: of the plan that the rollout has now."},
    {"yes", NULL, NULL, NULL, "Do not ask on a terminal."},
    NO_OPTION,
};
static const struct option order_options[] = {REASON, EXPECTED_VERSION, NO_OPTION};
static const struct option report_options[] = {
    {"html", NULL, NULL, NULL, "As one page for a browser, which prints on A4."},
    {"output", "FILE", NULL, NULL, "Write it to this file, which is whole or is not there. Also: -o FILE."},
    NO_OPTION,
};
static const struct option preview_options[] = {
    {"svg", "FILE", NULL, NULL, "Also draw the timeline into this file, as SVG."},
    NO_OPTION,
};
static const struct option rollout_instructions_options[] = {
    {"state", "STATE", NULL, NULL, "Only those in this state, such as failed."},
    {"group", "GROUP", NULL, NULL, "Only those of this group."},
    LIMIT,
    NO_OPTION,
};
static const struct option list_options[] = {LIMIT, NO_OPTION};
static const struct option acl_options[] = {
    {"orchestrator", "USER", NULL, "tellercastd", "The orchestrators' user name at the broker."},
    {"operator", "USER", NULL, NULL,
     "An operator who may submit plans by mqtt. Give it as often as there are operators."},
    NO_OPTION,
};
static const struct option help_options[] = {
    {"markdown", NULL, NULL, NULL, "Write the manual page docs/cli.md."},
    NO_OPTION,
};

const struct option global_options[] = {
    {"server", "URL", "TELLERCAST_SERVER", "http://127.0.0.1:8080", "The daemon's HTTP door."},
    {"token-file", "FILE", "TELLERCAST_TOKEN_FILE", NULL, "Your bearer token is its first line."},
    {"ca-file", "FILE", "TELLERCAST_CA_FILE", NULL, "Certificate authorities to trust, PEM."},
    {"socket", "PATH", "TELLERCAST_SOCKET", "/run/tellercast/tellercast.sock", "The daemon's Unix socket."},
    {"broker", "[mqtts://]HOST:PORT", "TELLERCAST_BROKER", "127.0.0.1:1883", "The MQTT broker."},
    {"user", "NAME", "TELLERCAST_USER", NULL, "Who you are: at the broker, and at a daemon on this machine."},
    {"root", "TOPIC", "TELLERCAST_ROOT", TOPIC_ROOT_DEFAULT, "The root of all topics."},
    {"json", NULL, NULL, NULL, "Data as JSON."},
    {"quiet", NULL, NULL, NULL, "No talk; errors are still told."},
    {"help", NULL, NULL, NULL, "Explain the command."},
    {"version", NULL, NULL, NULL, "Say which version this is."},
    NO_OPTION,
};

const struct command_group command_groups[] = {
    {"rollout", "Rollouts: order an upgrade and follow it"},
    {"plan", "Plans: check them before they are submitted"},
    {"artifact", "Artifacts: the files that devices install"},
    {"fleet", "The fleet: branches and devices"},
    {"device", "Devices: one by one"},
    {"broker", "The MQTT broker"},
    {"key", "Signing keys"},
};
const size_t command_group_count = sizeof command_groups / sizeof *command_groups;

const struct command commands[] = {
    {"rollout", "submit", "FILE", 1, 1, "Hand in a plan.",
     "The plan is checked here first, then by the daemon. Prints the rollout; with --quiet its ID alone.",
     rollout_submit_options, run_rollout_submit},
    {"rollout", "list", "", 0, 0, "Show the rollouts, newest first.", NULL, list_options, run_rollout_list},
    {"rollout", "status", "ID|NAME", 1, 1, "Show one rollout and its groups.", NULL, NULL, run_rollout_status},
    {"rollout", "watch", "ID|NAME…", 1, ARGUMENTS_UNBOUNDED, "Follow rollouts live until all have ended.",
     "Draws a bar a group on a terminal, and writes plain lines elsewhere. Exits by how they end.",
     rollout_wait_options, run_rollout_watch},
    {"rollout", "wait", "ID|NAME…", 1, ARGUMENTS_UNBOUNDED, "Wait silently until all have ended, then show them.",
     "Exits by how they end.", rollout_wait_options, run_rollout_wait},
    {"rollout", "instructions", "ID|NAME", 1, 1, "Show what each device was told, and how far it is.", NULL,
     rollout_instructions_options, run_rollout_instructions},
    {"rollout", "approve", "ID|NAME", 1, 1, "Say that a rollout may start, or may go on after a group.",
     "Shows what is approved: the rollout, its digest and its devices. Nobody approves what they ordered themselves, "
     "and "
     "an approval holds for that digest alone: another plan under the same name needs to be approved again.",
     judgement_options, run_rollout_approve},
    {"rollout", "reject", "ID|NAME", 1, 1, "Say that a rollout must not start, or must not go on after a group.",
     "One rejection ends it.", judgement_options, run_rollout_reject},
    {"rollout", "pause", "ID|NAME", 1, 1, "Start nothing more for now.", "What was started goes on and is recorded.",
     order_options, run_rollout_pause},
    {"rollout", "resume", "ID|NAME", 1, 1, "Let a paused rollout go on.", NULL, order_options, run_rollout_resume},
    {"rollout", "cancel", "ID|NAME", 1, 1, "Start nothing more, for good.",
     "What was not answered yet is taken back; what is being installed is finished and recorded.", order_options,
     run_rollout_cancel},
    {"rollout", "retry", "ID|NAME", 1, 1, "Try again where it failed, was rejected or timed out.", NULL, order_options,
     run_rollout_retry},
    {"rollout", "rollback", "ID|NAME", 1, 1, "Bring the devices that completed back to what they ran before.",
     "By a rollout of its own, NAME.rollback, which needs as many approvals as this one did. This one is cancelled if "
     "it has not ended.",
     order_options, run_rollout_rollback},
    {"rollout", "revise", "ID|NAME FILE", 2, 2, "Give a rollout that has not started another plan of the same name.",
     "Approvals that were given are void: the digest is another one.", order_options, run_rollout_revise},
    {"rollout", "drift", "ID|NAME", 1, 1, "Show the devices that the plan would choose now and did not then.",
     "And the other way round. What is in a rollout stays as it was planned.", NULL, run_rollout_drift},
    {"rollout", "report", "ID|NAME", 1, 1, "Write the evidence of a rollout.",
     "Who ordered what and who approved which digest, all that happened, plan and actual night by night, what was not "
     "as planned, and every device with its states and times.",
     report_options, run_rollout_report},
    {"plan", "validate", "FILE…", 1, ARGUMENTS_UNBOUNDED, "Check plans here, and show every fault.",
     "What only the daemon knows, such as the fleet and the artifacts, is checked when a plan is submitted.", NULL,
     run_plan_validate},
    {"plan", "preview", "FILE", 1, 1, "Show what a plan would do, without ordering anything.",
     "For each group and night how many devices start and when the last one ends, as tables and as a timeline; and "
     "what "
     "to know beforehand: devices that fit no window, branches whose budget has no room, rollouts on the same devices.",
     preview_options, run_plan_preview},
    {"plan", "show", "FILE", 1, 1, "Show a plan's canonical form and its digest.",
     "The digest is what an approval is bound to.", NULL, run_plan_show},
    {"artifact", "add", "FILE", 1, 1, "Put a file into the daemon's store.", NULL, artifact_add_options,
     run_artifact_add},
    {"artifact", "list", "", 0, 0, "Show the stored artifacts.", NULL, NULL, run_artifact_list},
    {"fleet", "import", "FILE", 1, 1, "Bring branches and devices in, all or nothing.",
     "The file is checked here first, so that every fault is shown with its line.", fleet_import_options,
     run_fleet_import},
    {"fleet", "generate", "", 0, 0, "Write a large fleet to try things with.", NULL, fleet_generate_options,
     run_fleet_generate},
    {"fleet", "list", "", 0, 0, "Show the devices.", NULL, list_options, run_device_list},
    {"device", "show", "ID", 1, 1, "Show one device and what it runs.", NULL, NULL, run_device_show},
    {"device", "trace", "ID", 1, 1, "Show all that was ordered of a device and what became of it, in order.", NULL,
     NULL, run_device_trace},
    {"device", "list", "", 0, 0, "Show the devices.", NULL, list_options, run_device_list},
    {"broker", "acl", "", 0, 0, "Write mosquitto's access list for the fleet.",
     "Patterns stand for all the devices: each has its ID as its user name.", acl_options, run_broker_acl},
    {"key", "create", "FILE", 1, 1, "Make a new signing key.", "Never replaces a file.", NULL, run_key_create},
    {"key", "public", "FILE", 1, 1, "Write the public half of a signing key, to be given to the devices.", NULL, NULL,
     run_key_public},
    {NULL, "completion", "bash", 1, 1, "Write the shell's completion.",
     "Use it with: source <(tellercast completion bash)", NULL, run_completion},
    {NULL, "help", "[COMMAND]", 0, 2, "Explain the commands, or one of them.", NULL, help_options, run_help},
};
const size_t command_count = sizeof commands / sizeof *commands;
