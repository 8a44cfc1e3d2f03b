# Loads TAB completion of ecs-trace: the program itself says what fits.
ECS_TRACE_COMPLETE=fish ecs-trace | source
