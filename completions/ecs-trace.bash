# Loads TAB completion of ecs-trace: the program itself says what fits.
source <(ECS_TRACE_COMPLETE=bash ecs-trace)

# bash cuts words at `:` and `=`, but an ARN, demo:NAME and --region=NAME are one word each: the line is split at
# blanks instead, and what bash keeps in front of its own cut is taken off the answers.
_ecs_trace_whole_words() {
    local line=${COMP_LINE:0:COMP_POINT}
    local -a COMP_WORDS
    read -ra COMP_WORDS <<<"$line"
    [[ $line == *[[:space:]] ]] && COMP_WORDS+=("")
    local COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    local word=${COMP_WORDS[COMP_CWORD]} kept="" mark at
    _clap_complete_ecs_trace "$1" "$word" "${COMP_WORDS[COMP_CWORD - 1]}"
    for mark in ":" "="; do
        [[ $COMP_WORDBREAKS == *"$mark"* && $word == *"$mark"* ]] || continue
        local upto="${word%"$mark"*}$mark"
        ((${#upto} > ${#kept})) && kept=$upto
    done
    for at in "${!COMPREPLY[@]}"; do
        COMPREPLY[at]=${COMPREPLY[at]#"$kept"}
    done
}
complete -o nospace -o bashdefault -F _ecs_trace_whole_words ecs-trace
