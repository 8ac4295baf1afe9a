#include "orchestrator/intake/submitter.h"

#include "orchestrator/people/people.h"
#include "orchestrator/people/refusals.h"
#include "orchestrator/recorder/recorder.h"

static enum tc_error find(struct people *people, const struct submitter *submitter, struct subject *subject,
                          struct tc_fault *fault)
{
    if (submitter->name[0] == '\0')
        return tc_fault_set(fault, TC_DENIED, "nothing proves who the sender is");
    return people_find_alias(people, submitter->kind, submitter->name, subject, fault);
}

static void refuse_unknown(struct recorder *recorder, const struct submitter *submitter, const char *reason)
{
    refusals_note_unknown(submitter->endpoint, submitter->name, submitter->name);
    recorder_refuse_unknown(recorder, submitter->endpoint, "", submitter->name, access_operation_name(ACCESS_SUBMIT),
                            reason);
}

enum tc_error submitter_check(struct people *people, struct recorder *recorder, const struct submitter *submitter,
                              struct subject *subject, struct access_scope *scope, struct act *act,
                              struct tc_fault *fault)
{
    enum tc_error error = find(people, submitter, subject, fault);
    if (error != TC_OK && submitter->may_be_loopback)
        subject_set_loopback(subject);
    else if (error == TC_DENIED)
        refuse_unknown(recorder, submitter, fault->text);
    if (error != TC_OK && !submitter->may_be_loopback)
        return error;
    *act = act_begin(subject, ACCESS_SUBMIT, submitter->endpoint, "");
    error = refusals_decide(subject, ACCESS_SUBMIT, submitter->endpoint, scope, fault);
    if (error != TC_OK) {
        act_set_refused(act, ACT_REFUSED, fault->text);
        recorder_refuse(recorder, act);
    }
    return error;
}

int submitter_status(enum tc_error error)
{
    return error == TC_DENIED ? 403 : 503;
}
