# shellcheck shell=bash disable=SC2034,SC2154
# Sourced by scripts/smoke, whose functions it uses: what this service promises beyond health and release.

title=smoke-$(od -An -N6 -tx1 /dev/urandom | tr -d ' \n')
written=("/notes/$title")

# put JSON
put() { request PUT "/notes/$title" -H 'content-type: application/json' -d "$1"; }

# If tokens are configured, nothing under /notes works without one.
request GET "/notes/$title"
if [[ $status == 401 ]]; then
  is_problem 401
  if [[ -z $token ]]; then
    echo "smoke: $checks checks passed at $url; the rest needs --token"
    exit 0
  fi
fi
if [[ -n $token ]]; then authorized=(-H "authorization: Bearer $token"); fi

# A note is saved, read and deleted.
put '{"text":"milk"}'
is_status 204
is_empty
request GET "/notes/$title"
is_status 200
is_json '. == {"text": "milk"}'
request DELETE "/notes/$title"
is_status 204
request GET "/notes/$title"
is_problem 404

# What is no note is refused.
for body in '{}' '{"text":""}' '{"text":1}' '{"text":"a","more":1}' '[]'; do
  put "$body"
  is_problem 400 '.errors | length > 0'
done
