#!/usr/bin/env bash
# Step 1: make what PI Bridge needs in AWS, or change it. Run it again at any time: what is there already stays.
#
#   create-stacks.sh --sites SITE[,SITE...] [options]
#
#   --sites A,B          the sites that there are, all of them; each is also the name of its device in AWS IoT
#   --name NAME          stacks are called NAME-lake, NAME-fleet, ... (pibridge)
#   --set S.KEY=VALUE    a parameter of a stack: lake.Format=jsonl, fleet.SiteWise=true, alarms.GapSeconds=7200
#   --with STACK         a stack that is optional: routes, influxdb
#   --dry-run            only say what would be done

set -euo pipefail
folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=deploy/steps.sh
source "$folder/steps.sh"

name=pibridge sites='' settings=() wanted=()
while (($#)); do
  case $1 in
    --sites) sites=${2:?} && shift 2 ;;
    --name) name=${2:?} && shift 2 ;;
    --set) settings+=("${2:?}") && shift 2 ;;
    --with) wanted+=("${2:?}") && shift 2 ;;
    --dry-run) dry_run=true && shift ;;
    --help) usage && exit ;;
    *) die "unknown: $1; see --help" ;;
  esac
done
[[ -n $sites ]] || die "which sites are there? --sites houston,dallas"
for each in "${settings[@]}"; do
  [[ $each =~ ^(lake|fleet|health|alarms|routes|influxdb)\.[A-Za-z0-9]+= ]] || die "--set $each: write STACK.KEY=VALUE, such as lake.Format=jsonl"
done

# deploy STACK TEMPLATE KEY=VALUE...: make or change a stack; --set comes last and wins.
deploy() {
  local stack=$1 template=$2 parameters=("${@:3}") each
  for each in "${settings[@]}"; do
    [[ $each != "$template".* ]] || parameters+=("${each#*.}")
  done
  step aws cloudformation deploy --stack-name "$stack" --template-file "$folder/cloudformation/$template.yaml" \
    --capabilities CAPABILITY_IAM --no-fail-on-empty-changeset --parameter-overrides "${parameters[@]}"
}

deploy "$name-lake" lake "Sites=$sites"
lake=$(stack_output "$name-lake" BucketName)
deploy "$name-fleet" fleet "ThingGroupName=$name" "LakeBucket=$lake"
deploy "$name-health" health "Name=$name"
topic=$(stack_output "$name-health" TopicArn)
IFS=, read -ra each_site <<<"$sites"
for site in "${each_site[@]}"; do
  deploy "$name-alarms-$site" alarms "Name=$name" "Site=$site" "TopicArn=$topic"
done
for stack in "${wanted[@]}"; do
  case $stack in
    routes) deploy "$name-routes" routes "Bucket=$lake" ;;
    influxdb) deploy "$name-influxdb" influxdb "Prefix=pi" ;;
    *) die "--with $stack: there are routes and influxdb" ;;
  esac
done
echo "bucket of the sink s3: $lake"
