# Loads TAB completion of ecs-trace: the program itself says what fits.
eval ({ tmp E:ECS_TRACE_COMPLETE = elvish; ecs-trace } | slurp)
