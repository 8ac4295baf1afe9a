-- The statements of a preview are planned anew each time: with what the selector leaves out known, nothing is looked at
-- for it, and a plan for all selectors takes longer than it saves.
SELECT set_config('plan_cache_mode', 'force_custom_plan', true), set_config('work_mem', '64MB', true)
