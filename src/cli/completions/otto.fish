# Completions of otto for fish. Load them with: otto completions fish | source
# or write them to ~/.config/fish/completions/otto.fish
function __otto_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l answers ($words[1] __complete -- $words[2..-1] "$current" 2>/dev/null)
    string match -q ':*' -- "$answers[1]"; or return
    for answer in $answers[2..-1]
        echo -- $answer
    end
    switch $answers[1]
        case :files
            __fish_complete_path "$current"
        case :directories
            __fish_complete_directories "$current"
    end
end
complete -c otto -f -k -a '(__otto_complete)'
