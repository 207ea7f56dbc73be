# checks.sh: counted checks of $clact, sourced by scripts of tests. $top is a folder that they remove, $top/out holds what was
# said.
passed=0 failed=0

# What is checked, then a command that is to succeed.
check()
{
    what=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $what"
        sed 's/^/    /' "$top/out" 2>/dev/null
    fi
}

# Exit code, then the arguments of clact.
run()
{
    expected=$1
    shift
    "$clact" "$@" >"$top/out" 2>&1
    [ $? -eq "$expected" ]
}
says() { grep -q -- "$1" "$top/out"; }
