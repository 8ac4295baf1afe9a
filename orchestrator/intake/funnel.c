#include "orchestrator/intake/funnel.h"

#include "base/clock.h"
#include "base/condition.h"
#include "base/log.h"
#include "base/thread.h"
#include "orchestrator/metrics/metrics.h"
#include "topics/topic.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

/* An order, and what the funnel must know to answer in the planner's place. */
struct ticket {
    struct order order; /* first: the planner gives back its address */
    struct funnel *funnel;
    void (*answered)(void *context, const struct order_answer *answer); /* NULL: was answered without the planner */
    void *context;
    int64_t deadline_ms;
    TAILQ_ENTRY(ticket) link;
};

TAILQ_HEAD(ticket_list, ticket);

struct funnel {
    struct batch_queue *orders;
    int answer_ms;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct ticket_list waiting; /* for their answer, the oldest first: all wait equally long */
    size_t tickets;             /* with the planner, waiting or given up */
    size_t calling;             /* doors being called back now */
    bool stopped, closed;
    pthread_t thread;
};

static const char given_up[] = "no answer in time: the plan may or may not have been accepted; sending the same plan "
                               "again is safe and tells which";
static const char stopping[] = "this orchestrator is stopping; send the same plan again";

static void call_back(const struct ticket *ticket, const struct order_answer *answer)
{
    ticket->answered(ticket->context, answer);
}

void funnel_refuse(int status, const char *detail, void (*answered)(void *context, const struct order_answer *answer),
                   void *context)
{
    struct buffer body = {0};
    order_write_problem(status, detail, &body);
    metric_add(METRIC_ORDERS_REFUSED, 1);
    answered(context, &(struct order_answer){status, body.bytes, body.length});
    buffer_free(&body);
}

static void free_ticket(struct ticket *ticket)
{
    free(ticket->order.document);
    free(ticket);
}

static void free_funnel(struct funnel *funnel)
{
    (void)pthread_cond_destroy(&funnel->changed);
    (void)pthread_mutex_destroy(&funnel->mutex);
    free(funnel);
}

/* Gives up the oldest that waits. Called and returns with the mutex locked. */
static void give_up_first(struct funnel *funnel, int status, const char *detail)
{
    struct ticket *ticket = TAILQ_FIRST(&funnel->waiting);
    TAILQ_REMOVE(&funnel->waiting, ticket, link);
    struct ticket given = *ticket;
    ticket->answered = NULL; /* from here on the planner may free it */
    funnel->calling++;
    (void)pthread_mutex_unlock(&funnel->mutex);

    LOG_WARNING("order.unanswered", F_STR("door", door_name(given.order.door)), F_STR("author", given.order.author));
    struct buffer body = {0};
    order_write_problem(status, detail, &body);
    call_back(&given, &(struct order_answer){status, body.bytes, body.length});
    buffer_free(&body);

    (void)pthread_mutex_lock(&funnel->mutex);
    funnel->calling--;
    (void)pthread_cond_broadcast(&funnel->changed);
}

/* Gives up what has waited too long. */
static void *watch(void *argument)
{
    struct funnel *funnel = argument;
    (void)pthread_mutex_lock(&funnel->mutex);
    while (!funnel->stopped) {
        const struct ticket *first = TAILQ_FIRST(&funnel->waiting);
        if (first != NULL && clock_monotonic_ms() >= first->deadline_ms)
            give_up_first(funnel, 504, given_up);
        else
            (void)condition_wait(&funnel->changed, &funnel->mutex, first ? first->deadline_ms : CONDITION_FOREVER);
    }
    (void)pthread_mutex_unlock(&funnel->mutex);
    return NULL;
}

enum tc_error funnel_open(struct batch_queue *orders, int answer_ms, struct funnel **funnel, struct tc_fault *fault)
{
    struct funnel *made = calloc(1, sizeof *made);
    TC_CHECK(made != NULL);
    made->orders = orders;
    made->answer_ms = answer_ms;
    TAILQ_INIT(&made->waiting);
    TC_CHECK(pthread_mutex_init(&made->mutex, NULL) == 0);
    condition_open(&made->changed);
    enum tc_error error = thread_start(&made->thread, "funnel", watch, made, fault);
    if (error != TC_OK) {
        free_funnel(made);
        return error;
    }
    *funnel = made;
    return TC_OK;
}

void funnel_stop(struct funnel *funnel, int wait_ms)
{
    int64_t deadline_ms = condition_deadline(wait_ms);
    (void)pthread_mutex_lock(&funnel->mutex);
    bool in_time = true;
    while (!TAILQ_EMPTY(&funnel->waiting) && in_time)
        in_time = condition_wait(&funnel->changed, &funnel->mutex, deadline_ms);
    funnel->stopped = true;
    (void)pthread_cond_broadcast(&funnel->changed);
    while (!TAILQ_EMPTY(&funnel->waiting))
        give_up_first(funnel, 503, given_up);
    while (funnel->calling > 0)
        (void)condition_wait(&funnel->changed, &funnel->mutex, CONDITION_FOREVER);
    (void)pthread_mutex_unlock(&funnel->mutex);
    (void)pthread_join(funnel->thread, NULL);
}

/* Takes the ticket off the funnel. Gives true, and counts the call, when its door still waits. */
static bool take_back(struct ticket *ticket)
{
    struct funnel *funnel = ticket->funnel;
    (void)pthread_mutex_lock(&funnel->mutex);
    bool waits = ticket->answered != NULL;
    if (waits) {
        TAILQ_REMOVE(&funnel->waiting, ticket, link);
        funnel->calling++;
    }
    (void)pthread_mutex_unlock(&funnel->mutex);
    return waits;
}

static void finish(struct ticket *ticket, bool called)
{
    struct funnel *funnel = ticket->funnel;
    free_ticket(ticket);
    (void)pthread_mutex_lock(&funnel->mutex);
    funnel->tickets--;
    if (called)
        funnel->calling--;
    bool unused = funnel->closed && funnel->tickets == 0;
    (void)pthread_cond_broadcast(&funnel->changed);
    (void)pthread_mutex_unlock(&funnel->mutex);
    if (unused)
        free_funnel(funnel);
}

void funnel_close(struct funnel *funnel)
{
    if (funnel == NULL)
        return;
    TC_CHECK(funnel->stopped);
    struct order *order;
    while (batch_queue_take(funnel->orders, &order, 1, 0, 0) == 1)
        finish(order->context, false);
    (void)pthread_mutex_lock(&funnel->mutex);
    funnel->closed = true;
    bool unused = funnel->tickets == 0;
    (void)pthread_mutex_unlock(&funnel->mutex);
    if (unused)
        free_funnel(funnel);
}

static void planner_answered(struct order *order, const struct order_answer *answer)
{
    struct ticket *ticket = order->context;
    bool waits = take_back(ticket);
    if (waits)
        call_back(ticket, answer);
    finish(ticket, waits);
}

static void refuse(struct ticket *ticket, int status, const char *detail)
{
    LOG_WARNING("order.refused", F_STR("door", door_name(ticket->order.door)), F_STR("author", ticket->order.author),
                F_INT("status", status));
    bool waits = take_back(ticket);
    if (waits)
        funnel_refuse(status, detail, ticket->answered, ticket->context);
    finish(ticket, waits);
}

static struct ticket *make_ticket(struct funnel *funnel, const struct submission *submission)
{
    struct ticket *ticket = calloc(1, sizeof *ticket);
    TC_CHECK(ticket != NULL);
    ticket->funnel = funnel;
    ticket->answered = submission->answered;
    ticket->context = submission->context;
    struct order *order = &ticket->order;
    order->door = submission->door;
    order->author_is_claimed = submission->author_is_claimed;
    if (submission->revision != NULL)
        order->revision = *submission->revision;
    order->document = submission->document;
    order->length = submission->length;
    order->answered = planner_answered;
    order->context = ticket;
    const char *key = submission->idempotency_key == NULL ? "" : submission->idempotency_key;
    TC_CHECK(strlen(submission->author) < sizeof order->author && strlen(key) < sizeof order->idempotency_key);
    (void)snprintf(order->author, sizeof order->author, "%s", submission->author);
    (void)snprintf(order->idempotency_key, sizeof order->idempotency_key, "%s", key);
    return ticket;
}

void funnel_submit(struct funnel *funnel, const struct submission *submission, int wait_ms)
{
    struct ticket *ticket = make_ticket(funnel, submission);
    (void)pthread_mutex_lock(&funnel->mutex);
    bool stopped = funnel->stopped;
    ticket->deadline_ms = condition_deadline(funnel->answer_ms);
    TAILQ_INSERT_TAIL(&funnel->waiting, ticket, link);
    funnel->tickets++;
    (void)pthread_cond_broadcast(&funnel->changed);
    (void)pthread_mutex_unlock(&funnel->mutex);

    if (stopped) {
        refuse(ticket, 503, stopping);
        return;
    }
    if (ticket->order.length > PLAN_SIZE_MAX) {
        refuse(ticket, 413, FUNNEL_TOO_LARGE);
        return;
    }
    struct order *order = &ticket->order;
    enum tc_error error = batch_queue_put(funnel->orders, &order, wait_ms);
    if (error != TC_OK)
        refuse(ticket, 503, error == TC_BUSY ? "too many plans are waiting; send this one again later" : stopping);
}
