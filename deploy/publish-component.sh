#!/usr/bin/env bash
# Step 3: put the built Greengrass component into the account, and onto all cores of the fleet.
#
#   publish-component.sh [options]
#
#   --build FOLDER       what component/build.py has written (./greengrass-build)
#   --config-from PLACE  where cores read their configuration (s3://STORE/config/fleet.yaml)
#   --name NAME          as in create-stacks.sh (pibridge)
#   --only-publish       deploy it to nobody
#   --dry-run            only say what would be done

set -euo pipefail
folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=deploy/steps.sh
source "$folder/steps.sh"

name=pibridge build=./greengrass-build config_from='' deploys=true
while (($#)); do
  case $1 in
    --build) build=${2:?} && shift 2 ;;
    --config-from) config_from=${2:?} && shift 2 ;;
    --name) name=${2:?} && shift 2 ;;
    --only-publish) deploys=false && shift ;;
    --dry-run) dry_run=true && shift ;;
    --help) usage && exit ;;
    *) die "unknown: $1; see --help" ;;
  esac
done
component=io.pibridge.Connector
versions=("$build/artifacts/$component"/*/)
[[ ${#versions[@]} == 1 && -d ${versions[0]} && -e $build/recipes/recipe.json ]] ||
  die "$build holds no built component; run component/build.py, or name the folder with --build"
version=$(basename "${versions[0]}")
store=$(stack_output "$name-fleet" StoreBucketName)

step aws s3 cp --recursive "${versions[0]}" "s3://$store/components/$component/$version/"
recipe=$(mktemp)
trap 'rm -f "$recipe"' EXIT
sed "s#BUCKET_NAME#$store/components#g" "$build/recipes/recipe.json" >"$recipe"
step aws greengrassv2 create-component-version --inline-recipe "fileb://$recipe" --query arn --output text
if "$deploys"; then
  step aws cloudformation deploy --stack-name "$name-component" --template-file "$folder/cloudformation/component.yaml" \
    --no-fail-on-empty-changeset --parameter-overrides "ComponentVersion=$version" \
    "ThingGroupArn=$(stack_output "$name-fleet" ThingGroupArn)" "ConfigFrom=${config_from:-s3://$store/config/fleet.yaml}"
fi
