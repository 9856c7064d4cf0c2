#!/usr/bin/env bash
# Give the whole fleet, or one site, another configuration: other tags, other sinks. Each connector reads it within a
# minute, takes over what is different, and refuses it as a whole if it is wrong.
#
#   update-config.sh FILE [options]
#
#   FILE                 the configuration; `site: ${env:AWS_IOT_THING_NAME}` makes one file good for all sites
#   --site SITE          only for this site, whose connectors are configured from config/SITE.yaml
#   --name NAME          as in create-stacks.sh (pibridge)
#   --dry-run            check it, and only say what would be done

set -euo pipefail
folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=deploy/steps.sh
source "$folder/steps.sh"

name=pibridge file='' target=fleet
while (($#)); do
  case $1 in
    --site) target=${2:?} && shift 2 ;;
    --name) name=${2:?} && shift 2 ;;
    --dry-run) dry_run=true && shift ;;
    --help) usage && exit ;;
    -*) die "unknown: $1; see --help" ;;
    *) file=$1 && shift ;;
  esac
done
[[ -r $file ]] || die "which configuration? name a file"
command -v pibridge >/dev/null || die "pibridge is not there to check it; install it: pip install pibridge"

pibridge check --offline --config "$file"
step aws s3 cp "$file" "s3://$(stack_output "$name-fleet" StoreBucketName)/config/$target.yaml"
