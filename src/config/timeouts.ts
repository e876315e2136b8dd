/** Times that the service, systemd and Terraform must agree on; test/road/terraform/timeouts.test.ts compares all three. */

/** Longer than the load balancer's idle timeout (60 s), so that it never sends on a connection we are closing. */
export const IDLE_TIMEOUT_SECONDS = 75

/**
 * How long a stopping instance keeps serving: the load balancer needs interval x unhealthy threshold (15 s) to notice, and
 * its nodes may act on that a minute late.
 */
export const DRAIN_SECONDS = 80

/** The longest a request may take, including its body. */
export const REQUEST_TIMEOUT_SECONDS = 5

/** A store command that takes longer is answered with 503. */
export const REDIS_COMMAND_TIMEOUT_MS = 500
