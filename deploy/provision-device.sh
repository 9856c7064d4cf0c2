#!/usr/bin/env bash
# Step 2: make a device known to AWS IoT: its thing, its certificate, what it may do, and the files that it needs.
#
#   provision-device.sh --site SITE [options]
#
#   --site SITE          one of the sites of create-stacks.sh; the thing is called the same
#   --for KIND           greengrass-lite, greengrass (the classic nucleus) or standalone (greengrass-lite)
#   --out FOLDER         where the files go: best on the device itself, so that the key never leaves it (./SITE)
#   --at FOLDER          where the device will have them, if it is another place (the same)
#   --csr FILE           a certificate request that the device has made; the key is then none of our business
#   --root-ca FILE       Amazon's root certificate; left out: fetched from www.amazontrust.com
#   --name NAME          as in create-stacks.sh (pibridge)
#   --dry-run            only say what would be done
#
# A key that is in the folder already is used again.

set -euo pipefail
folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=deploy/steps.sh
source "$folder/steps.sh"

name=pibridge site='' kind=greengrass-lite out='' at='' csr='' root_ca=''
while (($#)); do
  case $1 in
    --site) site=${2:?} && shift 2 ;;
    --for) kind=${2:?} && shift 2 ;;
    --out) out=${2:?} && shift 2 ;;
    --at) at=${2:?} && shift 2 ;;
    --csr) csr=${2:?} && shift 2 ;;
    --root-ca) root_ca=${2:?} && shift 2 ;;
    --name) name=${2:?} && shift 2 ;;
    --dry-run) dry_run=true && shift ;;
    --help) usage && exit ;;
    *) die "unknown: $1; see --help" ;;
  esac
done
[[ $site =~ ^[a-zA-Z0-9:_-]+$ ]] || die "which site? --site houston (letters, digits, : _ -)"
case $kind in
  greengrass-lite | greengrass) policy=CorePolicyName ;;
  standalone) policy=StandalonePolicyName ;;
  *) die "--for $kind: there are greengrass-lite, greengrass and standalone" ;;
esac
out=${out:-./$site}
at=${at:-$out}
policy=$(stack_output "$name-fleet" "$policy")
role_alias=$(stack_output "$name-fleet" RoleAliasName)
region=${AWS_REGION:-${AWS_DEFAULT_REGION:-$(aws configure get region || true)}}
[[ -n $region ]] || die "which region? set AWS_REGION"

# endpoint TYPE: print the account's address of this kind.
endpoint() {
  if "$dry_run"; then
    printf '%s\n' "<$1>"
  else
    aws iot describe-endpoint --endpoint-type "$1" --query endpointAddress --output text
  fi
}

umask 077
step mkdir -p "$out"
if [[ -z $csr ]]; then
  csr=$out/device.csr
  [[ -e $out/device.key ]] || step openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$out/device.key"
  step openssl req -new -key "$out/device.key" -subj "/CN=$site" -out "$csr"
fi
if [[ -n $root_ca ]]; then
  step cp "$root_ca" "$out/root-ca.pem"
else
  step curl --silent --show-error --fail --output "$out/root-ca.pem" https://www.amazontrust.com/repository/AmazonRootCA1.pem
fi

step aws iot create-thing --thing-name "$site"
step aws iot add-thing-to-thing-group --thing-group-name "$(stack_output "$name-fleet" ThingGroupName)" --thing-name "$site"
if "$dry_run"; then
  step aws iot create-certificate-from-csr --set-as-active --certificate-signing-request "file://$csr"
  certificate='<the certificate>'
else
  certificate=$(step aws iot create-certificate-from-csr --set-as-active --certificate-signing-request "file://$csr" \
    --query certificateArn --output text)
  aws iot describe-certificate --certificate-id "${certificate##*/}" \
    --query certificateDescription.certificatePem --output text >"$out/device.pem"
fi
step aws iot attach-policy --policy-name "$policy" --target "$certificate"
# Exclusively: so the thing's name stands in policies, whatever the client id is.
step aws iot attach-thing-principal --thing-name "$site" --principal "$certificate" --thing-principal-type EXCLUSIVE_THING

data=$(endpoint iot:Data-ATS)
credentials=$(endpoint iot:CredentialProvider)
"$dry_run" && exit
case $kind in
  standalone)
    install -m 0755 "$folder/iot_credentials.py" "$out/iot_credentials.py"
    cat >"$out/aws-config" <<END
# AWS credentials by the device's certificate. Start pibridge with AWS_CONFIG_FILE=$at/aws-config.
[default]
region = $region
credential_process = $at/iot_credentials.py https://$credentials/role-aliases/$role_alias/credentials $site $at
END
    cat >"$out/sink.yaml" <<END
# A sink of pibridge that sends messages by this certificate.
cloud:
  type: iot_core
  transport: mqtt
  endpoint: $data
  cert_file: $at/device.pem
  key_file: $at/device.key
END
    ;;
  *)
    if [[ $kind == greengrass ]]; then nucleus=aws.greengrass.Nucleus root=/greengrass/v2; else nucleus=aws.greengrass.NucleusLite root=/var/lib/greengrass; fi
    cat >"$out/nucleus.yaml" <<END
# The nucleus's configuration: docs/greengrass.md says where it goes.
system:
  privateKeyPath: "$at/device.key"
  certificateFilePath: "$at/device.pem"
  rootCaPath: "$at/root-ca.pem"
  rootpath: "$root"
  thingName: "$site"
services:
  $nucleus:
    componentType: "NUCLEUS"
    configuration:
      awsRegion: "$region"
      iotRoleAlias: "$role_alias"
      iotDataEndpoint: "$data"
      iotCredEndpoint: "$credentials"
END
    [[ $kind == greengrass ]] || sed -i 's/^  rootpath:/  rootPath:/' "$out/nucleus.yaml"
    ;;
esac
echo "files for $site: $out"
