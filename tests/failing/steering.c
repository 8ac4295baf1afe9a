#include "tests/failing/steering.h"

#include "orchestrator/store/amendment.h"
#include "orchestrator/store/operate.h"
#include "orchestrator/store/webhooks.h"
#include "orchestrator/webhooks/delivery.h"
#include "orchestrator/webhooks/post.h"
#include "tests/act_of_test.h"
#include "tests/failing/rollout_lifecycle_private.h"
#include "tests/property/engine/stepped_worker.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHARD = 4, TRIES = 20, RATE_LOW = 1000000, RATE_HIGH = 2000000 };

static const char approver[] = "bob", author[] = "ann", hook[] = "siem";

struct steering {
    struct rollout_lifecycle *lifecycle;
    struct store *store;
    struct delivery *delivery;
    struct worker *delivering;
    int64_t rollout;
    int64_t made;      /* requests so far: each has its own reason */
    json_t *rate;      /* the new one of the request */
    int64_t posted;    /* number of the newest event that was posted */
    int64_t confirmed; /* the position of the webhook when it was last looked at */
};

static struct steering *seen; /* of __wrap_webhook_send */

/* ---- reading the database ---- */

static int64_t count_of(struct steering *steering, const char *table, const char *condition)
{
    char statement[256];
    (void)snprintf(statement, sizeof statement,
                   "SELECT count(*) FROM %s t JOIN rollout r ON r.id = t.rollout_id WHERE r.name = $1 AND %s", table,
                   condition);
    return rollout_lifecycle_look(steering->lifecycle, statement);
}

static int64_t version_of(struct steering *steering)
{
    return rollout_lifecycle_look(steering->lifecycle, "SELECT version FROM rollout WHERE name = $1");
}

static bool is_in(struct steering *steering, const char *state)
{
    char statement[128];
    (void)snprintf(statement, sizeof statement, "SELECT count(*) FROM rollout WHERE name = $1 AND state = '%s'", state);
    return rollout_lifecycle_look(steering->lifecycle, statement) == 1;
}

static int64_t count_acts(struct steering *steering)
{
    return rollout_lifecycle_look(steering->lifecycle, "SELECT count(*) FROM act a JOIN rollout r ON r.name = $1 "
                                                       "WHERE a.object = r.id::text AND a.outcome = 'done'");
}

static void read_digest(struct steering *steering, const char *statement, char digest[static PLAN_DIGEST_SIZE])
{
    enum failing held = failing_hold();
    char rollout[24];
    (void)snprintf(rollout, sizeof rollout, "%" PRId64, steering->rollout);
    PGresult *result =
        PQexecParams(steering->lifecycle->look, statement, 1, NULL, (const char *const[]){rollout}, NULL, NULL, 0);
    TC_CHECK(PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1);
    (void)snprintf(digest, PLAN_DIGEST_SIZE, "%s", PQgetvalue(result, 0, 0));
    PQclear(result);
    failing_go_on(held);
}

/* The authors and the approver are people: an approval is refused while an author is not. */
static void make_people(struct steering *steering)
{
    static const char statement[] = "WITH made AS (INSERT INTO person (name, created_by) SELECT unnest(ARRAY['tester', "
                                    "'ann', 'bob']), 'tellercast' "
                                    "RETURNING name) "
                                    "INSERT INTO alias (kind, value, person, linked_by, confirmed_at, confirmed_by) "
                                    "SELECT 'author', name, name, 'tellercast', now(), 'tellercast' FROM made";
    PGresult *result = PQexecParams(steering->lifecycle->look, statement, 0, NULL, NULL, NULL, NULL, 0);
    TC_CHECK(PQresultStatus(result) == PGRES_COMMAND_OK);
    PQclear(result);
}

/* ---- operations ---- */

/* What an operation needs before it. */
enum need { NOTHING, WAITING, PAUSED, RUNNING, NO_EXCLUSION };

static const struct steering_operation {
    enum operation operation;
    enum need need;
    const char *amendment_state; /* afterwards */
    int amendments;              /* more of them afterwards */
    int64_t rate_base;
    int rate_sign; /* of each further rate: 0: it changes no rate */
} operations[] = {
    {OPERATION_AMEND, NOTHING, "in_force", 1, RATE_LOW, -1}, /* it tightens */
    {OPERATION_AMEND, NOTHING, "awaiting_approval", 1, RATE_HIGH, 1},
    {OPERATION_APPROVE, WAITING, "in_force", 0, 0, 0},
    {OPERATION_REJECT, WAITING, "rejected", 0, 0, 0},
    {OPERATION_WITHDRAW, WAITING, "withdrawn", 0, 0, 0},
    {OPERATION_PAUSE_GROUP, RUNNING, "in_force", 1, 0, 0},
    {OPERATION_RESUME_GROUP, PAUSED, "in_force", 1, 0, 0},
    {OPERATION_SKIP, NO_EXCLUSION, "in_force", 1, 0, 0},
    {OPERATION_EXCLUDE, NO_EXCLUSION, "in_force", 1, 0, 0},
    {OPERATION_CANCEL, NOTHING, NULL, 0, 0, 0},
};
enum { TIGHTEN, LOOSEN, APPROVE, REJECT, WITHDRAW, PAUSE_GROUP, RESUME_GROUP, SKIP, EXCLUDE, CANCEL };

/* A request as its actor repeats it. */
struct given {
    struct operation_request request;
    struct amendment_change change;
    char reason[32], digest[PLAN_DIGEST_SIZE];
};

static void fill_in(struct steering *steering, const struct steering_operation *operation, struct given *given)
{
    bool decides = operation->operation == OPERATION_APPROVE || operation->operation == OPERATION_REJECT;
    *given = (struct given){.request = {.operation = operation->operation,
                                        .rollout = steering->rollout,
                                        .actor = decides ? approver : author,
                                        .version = version_of(steering),
                                        .group = "",
                                        .shard = SHARD}};
    struct operation_request *request = &given->request;
    (void)snprintf(given->reason, sizeof given->reason, "reason %" PRId64, ++steering->made);
    request->reason = given->reason;
    request->digest = given->digest;
    if (operation_is_on_digest(operation->operation)) {
        request->amendment = rollout_lifecycle_look(steering->lifecycle,
                                                    "SELECT max(a.number) FROM amendment a JOIN rollout r ON r.id = "
                                                    "a.rollout_id WHERE r.name = $1");
        read_digest(steering, "SELECT digest FROM amendment WHERE rollout_id = $1 ORDER BY number DESC LIMIT 1",
                    given->digest);
    } else if (operation->rate_sign != 0) {
        json_decref(steering->rate);
        int64_t rate = operation->rate_base + operation->rate_sign * steering->made;
        steering->rate = json_pack("{s:I}", "perMinute", (json_int_t)rate);
        given->change = (struct amendment_change){.kind = AMENDMENT_RATE, .after = steering->rate};
        request->change = &given->change;
    } else if (operation->operation == OPERATION_SKIP) {
        request->device = "A1";
    } else if (operation->operation == OPERATION_EXCLUDE) {
        request->match = "{\"branch\":[\"B1\"]}";
        request->match_words = "branch=B1";
    } else if (operation->operation != OPERATION_CANCEL) {
        request->group = "all";
    }
}

static enum tc_error give(struct steering *steering, const struct given *given, struct operated *operated)
{
    struct tc_fault fault;
    struct act act = act_of_test(ACCESS_OPERATE);
    acts_set(steering->store, &act);
    enum tc_error error = operate(steering->store, &given->request, operated, &fault);
    acts_set(steering->store, NULL);
    return error;
}

/* Repeats the request as its actor does who got no answer. */
static void insist(struct steering *steering, const struct given *given, struct operated *operated)
{
    for (int i = 0; i < TRIES; i++) {
        if (give(steering, given, operated) == TC_OK)
            return;
    }
    (void)fprintf(stderr, "%s: refused for reason %d\n", operation_name(given->request.operation),
                  (int)operated->refusal.reason);
    tc_check_failed("a request that is repeated succeeds", __FILE__, __LINE__);
}

static void do_well(struct steering *steering, int of)
{
    struct given given;
    struct operated operated;
    fill_in(steering, &operations[of], &given);
    insist(steering, &given, &operated);
}

/* A rollout to the two devices that runs. Its groups open when the conductor has its turn. */
static void begin_rollout(struct steering *steering)
{
    struct given given = {
        .request = {.operation = OPERATION_APPROVE, .actor = approver, .reason = "good", .group = "", .shard = SHARD}};
    struct operated operated;
    rollout_lifecycle_begin_rollout(steering->lifecycle, steering->lifecycle->number + 1, false);
    for (int i = 0; i < 2; i++) /* import and order */
        rollout_lifecycle_steps[i].turn(steering->lifecycle);
    rollout_lifecycle_steps[2].turn(steering->lifecycle);
    TC_CHECK(is_in(steering, "awaiting_approval"));
    steering->rollout = rollout_lifecycle_look(steering->lifecycle, "SELECT id FROM rollout WHERE name = $1");
    read_digest(steering, "SELECT digest FROM rollout WHERE id = $1", given.digest);
    given.request.rollout = steering->rollout;
    given.request.digest = given.digest;
    insist(steering, &given, &operated);
    TC_CHECK(is_in(steering, "running"));
}

/* As no request can: another rollout for each would take long. */
static void take_exclusions_back(struct steering *steering)
{
    (void)rollout_lifecycle_look(
        steering->lifecycle, "WITH gone AS (DELETE FROM exclusion x USING rollout r WHERE r.id = x.rollout_id AND "
                             "r.name = $1 RETURNING x.id), cleared AS (UPDATE rollout SET exclusions = 0 WHERE name "
                             "= $1) SELECT count(*) FROM gone");
}

static void prepare(struct steering *steering, enum need need)
{
    bool is_paused = count_of(steering, "rollout_group", "paused_at IS NOT NULL") > 0;
    switch (need) {
    case NOTHING: break;
    case WAITING: do_well(steering, LOOSEN); break;
    case NO_EXCLUSION: take_exclusions_back(steering); break;
    case PAUSED:
        if (!is_paused)
            do_well(steering, PAUSE_GROUP);
        break;
    case RUNNING:
        if (is_paused)
            do_well(steering, RESUME_GROUP);
        break;
    }
}

static bool operation_fails(struct steering *steering, int of, enum failing kind, int nth)
{
    const struct steering_operation *operation = &operations[of];
    prepare(steering, operation->need);
    int64_t version = version_of(steering), acts = count_acts(steering),
            amendments = count_of(steering, "amendment", "true");
    struct given given;
    struct operated operated;
    fill_in(steering, operation, &given);
    failing_arm(kind, nth);
    enum tc_error error = give(steering, &given, &operated);
    bool failed = failing_disarm();
    /* What was answered as done is committed; the rest is done by the repetition, once. */
    TC_CHECK(error != TC_OK || version_of(steering) == version + 1);
    insist(steering, &given, &operated);
    TC_CHECK(version_of(steering) == version + 1 && operated.version == version + 1);
    TC_CHECK(count_acts(steering) == acts + 1);
    TC_CHECK(count_of(steering, "amendment", "true") == amendments + operation->amendments);
    char is_newest[128];
    (void)snprintf(is_newest, sizeof is_newest, "t.state = '%s' AND t.number = %" PRId64, operation->amendment_state,
                   amendments + operation->amendments);
    TC_CHECK(count_of(steering, "amendment", is_newest) == 1);
    return failed;
}

/* ---- exclusions at the conductor ---- */

static bool are_excluded(struct steering *steering)
{
    return count_of(steering, "exclusion", "t.is_whole AND t.ended = 1") == 1 &&
           count_of(steering, "instruction",
                    "t.state = (SELECT state FROM instruction_state WHERE name = 'cancelled') AND t.device = 'A1'") ==
               1;
}

static bool exclusion_fails(struct steering *steering, int of, enum failing kind, int nth)
{
    (void)of;
    begin_rollout(steering);
    do_well(steering, EXCLUDE);
    failing_arm(kind, nth);
    stepped_worker_turn(steering->lifecycle->conducting);
    bool failed = failing_disarm();
    for (int i = 0; i < TRIES && !are_excluded(steering); i++)
        stepped_worker_turn(steering->lifecycle->conducting);
    TC_CHECK(are_excluded(steering)); /* it ended it once */
    do_well(steering, CANCEL);        /* nothing is left that the next turn does */
    for (int i = 0; i < TRIES && !is_in(steering, "cancelled"); i++)
        stepped_worker_turn(steering->lifecycle->conducting);
    TC_CHECK(is_in(steering, "cancelled"));
    return failed;
}

/* ---- webhooks ---- */

enum tc_error receive_post(const struct webhook_post *post, struct tc_fault *fault) __asm__("__wrap_webhook_send");

/* The receiver: it gets each event, in the order of the log. One that it got may come again until its position is kept.
 */
enum tc_error receive_post(const struct webhook_post *post, struct tc_fault *fault)
{
    (void)fault;
    const char *number_of = strrchr(post->id, '-');
    TC_CHECK(number_of != NULL);
    int64_t number = strtoll(number_of + 1, NULL, 10);
    TC_CHECK(number == seen->posted || number == seen->posted + 1);
    seen->posted = number;
    return TC_OK;
}

static int64_t read_position(struct steering *steering)
{
    return rollout_lifecycle_look(steering->lifecycle,
                                  "SELECT coalesce(max(position), 0) FROM webhook WHERE name = 'siem' AND $1 <> ''");
}

static bool has_all(struct steering *steering)
{
    int64_t newest = rollout_lifecycle_look(steering->lifecycle, "SELECT position FROM event_head WHERE $1 <> ''");
    int64_t position = read_position(steering);
    TC_CHECK(position <= steering->posted && position >= steering->confirmed); /* none is passed over or taken back */
    steering->confirmed = position;
    return position == newest;
}

static bool delivery_fails(struct steering *steering, int of, enum failing kind, int nth)
{
    (void)of;
    stepped_worker_turn(steering->lifecycle->conducting); /* it keeps the lease */
    do_well(steering, TIGHTEN);
    do_well(steering, LOOSEN);
    failing_arm(kind, nth);
    stepped_worker_turn(steering->delivering);
    bool failed = failing_disarm();
    for (int i = 0; i < TRIES && !has_all(steering); i++)
        stepped_worker_turn(steering->delivering);
    TC_CHECK(has_all(steering));
    return failed;
}

static void open_webhook(struct steering *steering)
{
    const struct webhooks_config config = {.database = steering->lifecycle->database,
                                           .conducting_epoch = &steering->lifecycle->conducting_epoch,
                                           .allows_loopback = true};
    struct webhook_settings settings = {.url = strdup("http://127.0.0.1/"), .ca_file = strdup("")};
    (void)snprintf(settings.name, sizeof settings.name, "%s", hook);
    seen = steering;
    TC_CHECK(delivery_open(&config, &settings, &steering->delivery, NULL) == TC_OK);
    steering->delivering = stepped_worker_last("webhook");
    stepped_worker_turn(steering->lifecycle->conducting);
    stepped_worker_turn(steering->delivering); /* a new webhook begins behind the newest event */
    steering->posted = steering->confirmed = read_position(steering);
    TC_CHECK(steering->posted > 0);
}

/* ---- all of it ---- */

/* Each way in which a statement fails differs for who made it; the state of an error does not. */
#define EACH_WAY                                                                                                       \
    (1u << DATABASE_GOES_BEFORE | 1u << DATABASE_GOES_AFTER | 1u << DATABASE_REFUSES | 1u << DATABASE_HAS_NO_RESULT)

/* The turn of the conductor is long: of it, what the conductor cannot know fails, and the test of rollouts has the
 * rest. */
const struct steering_case steering_cases[] = {
    {"tighten", operation_fails, TIGHTEN, EACH_WAY},
    {"loosen", operation_fails, LOOSEN, EACH_WAY},
    {"approve an amendment", operation_fails, APPROVE, EACH_WAY},
    {"reject an amendment", operation_fails, REJECT, EACH_WAY},
    {"withdraw an amendment", operation_fails, WITHDRAW, EACH_WAY},
    {"pause a group", operation_fails, PAUSE_GROUP, EACH_WAY},
    {"resume a group", operation_fails, RESUME_GROUP, EACH_WAY},
    {"skip a device", operation_fails, SKIP, EACH_WAY},
    {"exclude a scope", operation_fails, EXCLUDE, EACH_WAY},
    {"deliver to a webhook", delivery_fails, 0, EACH_WAY},
    {"end what is excluded", exclusion_fails, 0, 1u << DATABASE_GOES_AFTER},
};
const int steering_case_count = sizeof steering_cases / sizeof *steering_cases;

bool steering_fail(struct steering *steering, const struct steering_case *failing_case, enum failing kind, int nth)
{
    return failing_case->fails(steering, failing_case->of, kind, nth);
}

struct steering *steering_open(struct rollout_lifecycle *lifecycle, int number)
{
    struct steering *steering = calloc(1, sizeof *steering);
    TC_CHECK(steering != NULL);
    steering->lifecycle = lifecycle;
    lifecycle->number = number;
    lifecycle->approvals = 1;
    TC_CHECK(store_open(lifecycle->database, "failing steering", &steering->store, NULL) == TC_OK);
    make_people(steering);
    begin_rollout(steering);
    open_webhook(steering);
    return steering;
}

void steering_close(struct steering *steering)
{
    if (steering == NULL)
        return;
    json_decref(steering->rate);
    delivery_close(steering->delivery);
    store_close(steering->store);
    free(steering);
}
