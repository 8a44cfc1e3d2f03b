# TAB completion of ecs-trace for PowerShell: the program itself says what fits.
# Read from $PROFILE.

Register-ArgumentCompleter -Native -CommandName 'ecs-trace' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    # The words as values, up to the cursor. Nothing of the line is run.
    $words = @()
    $current = ''
    foreach ($element in $commandAst.CommandElements) {
        if ($element.Extent.StartOffset -ge $cursorPosition) {
            break
        }
        $text = $element.Extent.Text
        if ($element -is [System.Management.Automation.Language.StringConstantExpressionAst]) {
            $text = $element.Value
        }
        if ($element.Extent.EndOffset -ge $cursorPosition) {
            $current = $text
            if ($element.Extent.EndOffset -gt $cursorPosition) {
                $current = $element.Extent.Text.Substring(0, $cursorPosition - $element.Extent.StartOffset).Trim("'", '"')
            }
            break
        }
        $words += $text
    }
    $arguments = @('--') + $words
    # Windows PowerShell passes no empty word on; the program knows from the index that there is one.
    if ($current -ne '') {
        $arguments += $current
    }
    $program = Get-Command -Name 'ecs-trace' -CommandType Application -ErrorAction SilentlyContinue | Select-Object -First 1
    if ($null -eq $program) {
        return
    }
    try {
        $env:ECS_TRACE_COMPLETE = 'powershell'
        $env:_CLAP_COMPLETE_INDEX = "$($words.Count)"
        $offered = @(& $program.Source @arguments 2>$null)
    } finally {
        $env:ECS_TRACE_COMPLETE = $null
        $env:_CLAP_COMPLETE_INDEX = $null
    }
    foreach ($line in $offered) {
        if ("$line" -eq '') {
            continue
        }
        $value, $help = "$line".Split([char]9, 2)
        if (-not $help) {
            $help = $value
        }
        $inserted = $value
        if ($value -notmatch '^[A-Za-z0-9_./:=+-]+$') {
            $inserted = "'" + $value.Replace("'", "''") + "'"
        }
        [System.Management.Automation.CompletionResult]::new($inserted, $value, 'ParameterValue', $help)
    }
}
