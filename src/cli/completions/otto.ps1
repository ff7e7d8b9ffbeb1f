# Completions of otto for PowerShell. Load them with: otto completions powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName otto -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @()
    $current = ''
    foreach ($element in $commandAst.CommandElements) {
        if ($element.Extent.EndOffset -lt $cursorPosition) {
            $words += $element.Extent.Text
        } elseif ($element.Extent.StartOffset -lt $cursorPosition) {
            $current = $element.Extent.Text.Substring(0, $cursorPosition - $element.Extent.StartOffset)
        }
    }
    $program = $words[0]
    $before = @($words | Select-Object -Skip 1)
    # An empty word has to be said to be there: older versions drop empty arguments.
    if ($current -eq '') { $current = '""' }
    $answers = @(& $program __complete -- @before $current 2>$null)
    if ($answers.Count -eq 0 -or -not $answers[0].StartsWith(':')) { return }
    foreach ($answer in ($answers | Select-Object -Skip 1)) {
        $value, $about = $answer.Split("`t", 2)
        if (-not $about) { $about = $value }
        $text = $value
        if ($text -match '[\s''"`$;&|<>()@#{}]') { $text = "'" + $text.Replace("'", "''") + "'" }
        [System.Management.Automation.CompletionResult]::new($text, $value, 'ParameterValue', $about)
    }
    if ($answers[0] -ne ':words') {
        [System.Management.Automation.CompletionCompleters]::CompleteFilename($wordToComplete)
    }
}
