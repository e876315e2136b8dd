# shellcheck shell=bash disable=SC2034,SC2154
# Sourced by scripts/smoke, whose functions it uses: what this service promises beyond health and release. When the routes
# change, change this file, or empty it.

user=Smoke$(od -An -N6 -tx1 /dev/urandom | tr -d ' \n' | tr 0-9a-f a-p)
composed=$user%C3%A9 decomposed=${user}e%CC%81
written=("/hello/$user" "/hello/$composed")

# put USER JSON
put() { request PUT "/hello/$1" -H 'content-type: application/json' -d "$2"; }

# If tokens are configured, nothing under /hello works without one.
request GET "/hello/$user"
if [[ $status == 401 ]]; then
  is_problem 401
  put "$user" '{"dateOfBirth":"2000-02-29"}'
  is_problem 401
  if [[ -z $token ]]; then
    echo "smoke: $checks checks passed at $url; the rest needs --token"
    exit 0
  fi
fi
if [[ -n $token ]]; then authorized=(-H "authorization: Bearer $token"); fi

# A birthday is stored, greeted and replaced.
request GET "/hello/$user"
is_problem 404
put "$user" '{"dateOfBirth":"2000-02-29"}'
is_status 204
is_empty
request GET "/hello/$user"
is_status 200
has_header content-type application/json
is_json ".message | test(\"^Hello, $user! (Your birthday is in [1-9][0-9]{0,2} day\\\\(s\\\\)|Happy birthday!)\$\")"

# Around midnight, "today" may change between two requests; then it asks once more.
for _ in 1 2; do
  today=$(TZ=$timezone date +%m-%d)
  put "$user" "{\"dateOfBirth\":\"2000-$today\"}"
  request GET "/hello/$user"
  if [[ $(TZ=$timezone date +%m-%d) == "$today" ]]; then break; fi
done
is_json ".message == \"Hello, $user! Happy birthday!\""

# A name is letters of any script; its composed and decomposed forms are the same name.
request DELETE "/hello/$user"
is_status 204
request DELETE "/hello/$user"
is_problem 404
put "$composed" '{"dateOfBirth":"1990-06-15"}'
is_status 204
request DELETE "/hello/$decomposed"
is_status 204

# Invalid user names.
for name in "${user}1" "$user-x" "$user%20x" "$(printf 'a%.0s' {1..65})"; do
  put "$name" '{"dateOfBirth":"2000-01-01"}'
  is_problem 400 '.errors | length > 0'
done

# Invalid dates of birth: not a calendar day, not before today, another format, missing, or with extra fields.
for body in '{"dateOfBirth":"2023-02-29"}' '{"dateOfBirth":"9999-12-31"}' '{"dateOfBirth":"15-06-1990"}' \
  '{"dateOfBirth":19900615}' '{}' '{"dateOfBirth":"1990-06-15","admin":true}' '[]'; do
  put "$user" "$body"
  is_problem 400 '.errors | length > 0'
done

# None of that was stored.
request GET "/hello/$user"
is_problem 404
