-- Counts the approvals that a plan needs which asks for :required: as many as the policies ask for its :action on so many
-- :devices, and as rollout :revises needs, which it would revise (0: none).
-- parameters: action text, devices bigint, required bigint, revises bigint
-- row: approvals bigint
SELECT greatest(:required, policy_approvals(:action, :devices),
                (SELECT approvals_needed(r, r.devices) FROM rollout r WHERE r.id = :revises))::bigint AS approvals
