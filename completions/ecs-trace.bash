# Loads TAB completion of ecs-trace: the program itself says what fits.
source <(ECS_TRACE_COMPLETE=bash ecs-trace)
