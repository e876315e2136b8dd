/** A reason to stop that a person can act on: printed as it is, without a stack trace. */
export class Refusal extends Error {}
