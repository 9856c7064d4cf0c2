# shellcheck shell=bash
# What the steps share. Sourced, not run.

dry_run=false
# The AWS CLI in version 1 looks only at the second name.
[[ -z ${AWS_REGION:-} ]] || export AWS_DEFAULT_REGION=$AWS_REGION

# Say the command; run it, unless only a dry run was asked for.
step() {
  printf '+' >&2
  printf ' %q' "$@" >&2
  printf '\n' >&2
  if ! "$dry_run"; then "$@"; fi
}

die() {
  printf '%s: %s\n' "${0##*/}" "$1" >&2
  exit 2
}

# Print the usage, which is the comment at the top of the script.
usage() {
  sed -n '2,/^$/s/^# \{0,1\}//p' "$0"
}

# stack_output STACK KEY: print what a stack says of itself; in a dry run a stack need not be there.
stack_output() {
  local found
  if found=$(aws cloudformation describe-stacks --stack-name "$1" \
    --query "Stacks[0].Outputs[?OutputKey=='$2'].OutputValue" --output text 2>/dev/null) && [[ -n $found && $found != None ]]; then
    printf '%s\n' "$found"
  elif "$dry_run"; then
    printf '%s\n' "<$2 of $1>"
  else
    die "the stack $1 has no output $2; run create-stacks.sh first, and see that AWS_REGION and the account are right"
  fi
}
