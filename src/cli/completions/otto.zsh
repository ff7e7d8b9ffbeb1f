#compdef otto
# Completions of otto for zsh. Load them with: source <(otto completions zsh)
# or write them to a file `_otto` in a folder of $fpath.
_otto() {
    local -a answers values shown ending
    local answer value
    answers=("${(@f)$("${words[1]}" __complete -- "${(@)words[2,CURRENT-1]}" "${PREFIX}" 2>/dev/null)}")
    [[ ${answers[1]-} == :* ]] || return 1
    for answer in "${(@)answers[2,-1]}"; do
        value=${answer%%$'\t'*}
        values+=("$value")
        if [[ $answer == *$'\t'* ]]; then
            shown+=("$value  -- ${answer#*$'\t'}")
        else
            shown+=("$value")
        fi
    done
    # More is to come behind a slash.
    [[ $#values -eq 1 && ${values[1]} == */ ]] && ending=(-S '')
    (( $#values )) && compadd $ending -l -V otto -d shown -a -- values
    case ${answers[1]} in
        :files) _files ;;
        :directories) _files -/ ;;
    esac
}
if [[ ${funcstack[1]-} == _otto ]]; then
    _otto "$@"
else
    compdef _otto otto
fi
