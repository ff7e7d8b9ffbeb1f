# Completions of otto for bash. Load them with: source <(otto completions bash)
#
# bash splits words at the characters of COMP_WORDBREAKS, such as the colon in `web:latest`. Here they are joined again, and
# what bash takes for the beginning of another word is cut off the answers.
_otto() {
    local rest=${COMP_LINE:0:COMP_POINT} words=() piece joined i
    for ((i = 0; i <= COMP_CWORD; i++)); do
        joined=
        [[ $i -gt 0 && $rest != [[:space:]]* ]] && joined=yes
        rest=${rest#"${rest%%[![:space:]]*}"}
        # The last word ends at the cursor.
        piece=${COMP_WORDS[i]}
        ((i == COMP_CWORD)) && piece=$rest
        rest=${rest#"$piece"}
        if [[ $joined ]]; then
            words[${#words[@]} - 1]+=$piece
        else
            words+=("$piece")
        fi
    done
    local current=${words[${#words[@]} - 1]} answers first cut=
    mapfile -t answers < <("${1/#\~\//$HOME/}" __complete -- "${words[@]:1}" 2>/dev/null)
    first=${answers[0]-}
    [[ $first == :* ]] || return 0
    if [[ $current == *[:=]* ]]; then
        local tail=$current
        [[ $COMP_WORDBREAKS == *:* ]] && tail=${tail##*:}
        [[ $COMP_WORDBREAKS == *=* ]] && tail=${tail##*=}
        cut=${current%"$tail"}
    fi
    COMPREPLY=()
    local answer value
    for answer in "${answers[@]:1}"; do
        value=${answer%%$'\t'*}
        value=${value#"$cut"}
        [[ $value == *[[:space:]\'\"\\\$\&\;\|\<\>\(\)\*\?\`]* ]] && printf -v value %q "$value"
        COMPREPLY+=("$value")
    done
    case $first in
        :files) compopt -o filenames 2>/dev/null; mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "${current#"$cut"}") ;;
        :directories) compopt -o filenames 2>/dev/null; mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -d -- "${current#"$cut"}") ;;
    esac
    # More is to come behind a slash.
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == */ ]] && compopt -o nospace 2>/dev/null
    compopt -o nosort 2>/dev/null
    return 0
}
complete -F _otto otto
