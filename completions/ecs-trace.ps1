# Loads TAB completion of ecs-trace: the program itself says what fits.
$env:ECS_TRACE_COMPLETE = "powershell"
ecs-trace | Out-String | Invoke-Expression
Remove-Item Env:\ECS_TRACE_COMPLETE
