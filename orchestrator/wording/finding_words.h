/* Texts of the store's findings in a plan or a fleet. */
#ifndef TELLERCAST_ORCHESTRATOR_WORDING_FINDING_WORDS_H
#define TELLERCAST_ORCHESTRATOR_WORDING_FINDING_WORDS_H

#include "base/buffer.h"
#include "config/plan.h"
#include "orchestrator/store/finding.h"

/* Appends the text of a finding in a plan other than PLAN_END_HAS_PASSED. */
void plan_finding_put_words(const struct plan_finding *finding, struct buffer *text);

/* The context of struct plan_findings: adds each finding to the faults of the plan or of the fleet. */
struct plan_faults {
    const struct plan *plan;
    struct document_faults *faults;    /* in the plan */
    struct document_faults *obstacles; /* in the fleet */
};
void plan_faults_take(void *context, const struct plan_finding *finding);

/* Adds the findings to the faults, and frees them. */
void fleet_findings_add(struct fleet_findings *findings, struct document_faults *faults);

/* Appends the warnings, by enum fleet_warning_kind, as a JSON array of sentences. */
void fleet_warnings_write(const struct fleet_warning *warnings, struct buffer *json);

#endif
