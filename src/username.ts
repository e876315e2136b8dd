/** Letters of any script, each with the combining marks that follow it. */
export const USERNAME_PATTERN = /^(?:\p{L}\p{M}*){1,64}$/u
