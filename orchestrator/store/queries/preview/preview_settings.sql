-- Plans the statements of a preview anew each time: then parts of the selector that are empty cost nothing. A generic
-- plan for all selectors takes longer than it saves.
SELECT set_config('plan_cache_mode', 'force_custom_plan', true), set_config('work_mem', '64MB', true)
