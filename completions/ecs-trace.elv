# TAB completion of ecs-trace for elvish: the program itself says what fits.
# Read from rc.elv, or dropped into a lib folder as ecs-trace.elv and loaded by `use ecs-trace`.

use str

set edit:completion:arg-completer[ecs-trace] = {|@words|
    try {
        tmp E:ECS_TRACE_COMPLETE = elvish
        tmp E:_CLAP_COMPLETE_INDEX = (to-string (- (count $words) 1))
        (external ecs-trace) -- $@words 2>/dev/null | from-lines | each {|line|
            var value help = (str:split &max=2 "\t" $line"\t")
            var suffix = ' '
            for mark [/ : =] {
                if (str:has-suffix $value $mark) {
                    set suffix = ''
                }
            }
            set help = (str:trim-right $help "\t")
            if (eq $help '') {
                edit:complex-candidate $value &code-suffix=$suffix
            } else {
                edit:complex-candidate $value &code-suffix=$suffix &display=$value'  '$help
            }
        }
    } catch {
        nop
    }
}
