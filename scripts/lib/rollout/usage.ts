export const USAGE = `
usage: scripts/rollout start --launch-template-id ID --launch-template-version N --release SHA --url URL [options]
       scripts/rollout watch | status | cancel | rollback [options]

Moves the group's instances to a launch template version by an instance refresh, follows it to the end, and gives a
verdict by what the instances answer.

  start      check, start a refresh to version N, follow it
  watch      follow the refresh that runs; Ctrl-C leaves it running
  status     the group, its instances and its newest refresh, once
  cancel     stop the refresh where it is
  rollback   go back: turn the running refresh round, or refresh to the newest version before it whose AMI still
             exists, of another release that was not rolled back

where
  --group NAME                   Auto Scaling group (hello-production)
  --region NAME                  AWS region (AWS_REGION, or the profile's)
  --url URL                      the service through its load balancer, for the probe and the verdict (watch, rollback:
                                 the load balancer's name, or with HTTPS what terraform output tells)

what (start; rollback: --to-version)
  --launch-template-id ID        of the group
  --launch-template-version N    a number, never $Latest
  --release SHA                  what every instance must answer on /version
  --to-version N                 the version to go back to, instead of the previous one
  --alarm NAME                   alarm that stops the rollout and rolls it back; may be repeated
  --ignore-alarms                leave out alarms that ring already, instead of refusing
  --retry                        try a release again that was rolled back before
  --skip-rolled-back             end with 0 for such a release instead of refusing; nothing is started

how
  --checkpoints LIST             percentages to stop at (50,100; rollback: none); what the group is too small for
                                 is left out
  --checkpoint-delay-seconds N   wait at a checkpoint (120)
  --bake-seconds N               watch the alarms this long after the last replacement (300; rollback: 0)
  --warmup-seconds N             warm-up of a new instance (the group's)
  --min-healthy N                percent that must serve throughout (100)
  --max-healthy N                percent that may exist at once (200)
  --stall-seconds N              roll back when new instances do not become healthy for this long (600)
  --timeout-seconds N            stop following after this long (3600)
  --poll-seconds N               between two looks (5)
  --patience-seconds N           go on without an answer of AWS for this long (300)

the probe
  --rate N                       requests a second (10)
  --token TOKEN                  with scope write, for the reserved user Canary (HELLO_TOKEN)
  --failure-budget N             failed requests that are accepted (0), or 'any'; rollback counts those after it
  --probe-timeout-seconds N      an answer later than this is a failure (5)
  --before-seconds N             measure this long before (10)
  --after-seconds N              and after (15)
  --observe-seconds N            wait this long for every instance to answer with the release (120)
  --direct                       also ask each instance at its private address, where this machine reaches it
  --no-probe                     send no requests; the verdict then rests on AWS alone

what comes out
  --json                         the receipt as JSON on stdout; progress goes to stderr
  --receipt FILE                 the receipt as JSON in a file too
  --evidence DIR                 where to make a folder for what failed instances told (the temporary folder)

Every option can be given in the environment: --bake-seconds as HELLO_ROLLOUT_BAKE_SECONDS.

exit codes: 0 shipped (watch, start), done (others), 1 refused, 2 usage, 3 rolled back, 4 failed or cancelled,
            5 timed out, 130 interrupted
`
