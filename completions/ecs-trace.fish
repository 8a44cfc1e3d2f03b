# TAB completion of ecs-trace for fish: the program itself says what fits.
# Read from config.fish, or dropped into a folder of fish_complete_path under the name ecs-trace.fish.

function __ecs_trace_offered
    set -l before (commandline --current-process --tokenize --cut-at-cursor)
    set -l all (commandline --current-process --tokenize)
    set -l behind
    set -l next (math (count $before) + 2)
    if test (count $all) -ge $next
        set behind $all[$next..-1]
    end
    set -lx ECS_TRACE_COMPLETE fish
    set -lx _CLAP_COMPLETE_INDEX (count $before)
    command ecs-trace -- $before (commandline --current-token --cut-at-cursor) $behind 2>/dev/null
end

complete --command ecs-trace --keep-order --no-files --arguments '(__ecs_trace_offered)'
