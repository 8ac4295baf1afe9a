-- Keeps how many approvals rollout :rollout needed at an act: :approvals to start, :resume_approvals to run again after an
-- abort. A policy that asks for less later lowers neither.
-- parameters: rollout bigint, approvals bigint, resume_approvals bigint
UPDATE rollout
SET approvals_required = greatest(approvals_required, :approvals::smallint),
    resume_approvals_required = greatest(resume_approvals_required, :resume_approvals::smallint)
WHERE id = :rollout
