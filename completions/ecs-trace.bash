# TAB completion of ecs-trace for bash: the program itself says what fits.
# Read from ~/.bashrc, or dropped into the folder of bash-completion under the name ecs-trace.

# bash cuts words at `:` and `=`, but an ARN, demo:NAME and --region=NAME are one word each: the program gets the line
# as it was typed and the piece of it ($2) that bash is going to replace, and answers with what belongs in its place.
_ecs_trace() {
    COMPREPLY=()
    # Behind a redirection a file is wanted. bash 3 has no compopt.
    if [[ $COMP_CWORD -gt 0 && ${COMP_WORDS[COMP_CWORD - 1]} == *[\<\>] ]]; then
        compopt -o default 2>/dev/null
        return 0
    fi
    local answer line
    answer=$(ECS_TRACE_COMPLETE=bash-line command ecs-trace -- "${COMP_LINE:0:COMP_POINT}" "${COMP_LINE:COMP_POINT}" "$2" 2>/dev/null) || return 0
    while IFS= read -r line; do
        [[ -n $line ]] && COMPREPLY+=("$line")
    done <<<"$answer"
    return 0
}
# The program itself puts the blank behind a finished word. bash before 4.4 cannot leave the order as it is.
complete -o nospace -o bashdefault -o nosort -F _ecs_trace ecs-trace 2>/dev/null ||
    complete -o nospace -o bashdefault -F _ecs_trace ecs-trace
