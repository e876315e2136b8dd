/** Where a connection leads, and how. */
export interface Where {
  /** `host:port`, or several. */
  address: string
  tls: boolean
}

/** Errors of sockets, TLS and ioredis that say little by themselves, and what they mean. */
const MEANINGS: [RegExp, (where: Where) => string][] = [
  [
    /^failed to connect to sentinel .*Connection is closed/,
    ({ address }) =>
      `no Sentinel answers at ${address}: nothing listens there, or REDIS_TLS is not what it expects`,
  ],
  [
    /unknown command '?sentinel/i,
    ({ address }) => `${address} is no Sentinel: expected REDIS_MODE=standalone or cluster`,
  ],
  [/ECONNREFUSED/, ({ address }) => `nothing listens at ${address} (ECONNREFUSED)`],
  [/ENOTFOUND|EAI_AGAIN/, ({ address }) => `the host of ${address} is not found (DNS)`],
  [
    /ETIMEDOUT|^timeout$/,
    ({ address, tls }) =>
      tls
        ? `no TLS connection to ${address} in time: it is out of reach, or a port without TLS (REDIS_TLS=false)`
        : `no connection to ${address} in time (ETIMEDOUT)`,
  ],
  [
    /ECONNRESET|EPIPE|onnection (is )?closed|disconnected before secure/,
    ({ address, tls }) =>
      `${address} closes the connection before it answers: a port ${tls ? 'without TLS needs REDIS_TLS=false' : 'with TLS needs REDIS_TLS=true'}`,
  ],
  [
    /WRONG_VERSION_NUMBER|PACKET_LENGTH|BORINGSSL/i,
    ({ address }) => `${address} answers without TLS: expected a port with TLS, or REDIS_TLS=false`,
  ],
  [/^Unknown RESP type|^Protocol error/, ({ address }) => `${address} is no Redis`],
  [/^Socket timeout/, ({ address }) => `${address} accepts connections and does not answer`],
  [
    /cluster support disabled/,
    ({ address }) => `${address} is no cluster: expected REDIS_MODE=standalone or sentinel`,
  ],
  [
    /No such master with that name|invalid reply: null/,
    ({ address }) => `the Sentinel at ${address} knows no master of the name REDIS_SENTINEL_MASTER`,
  ],
]

/** Why there is no connection to `where`: what `error` means, or what it says. */
export function inWords(error: Error & { code?: string }, where: Where): string {
  const text = `${error.message} ${error.code ?? ''}`.trimEnd()
  const [, meaning] = MEANINGS.find(([pattern]) => pattern.test(text)) ?? []
  return meaning?.(where) ?? withoutArguments(error.message)
}

/** Redis repeats the arguments of a command that it does not know: a date of birth, or a password. */
export function withoutArguments(message: string): string {
  return message.replace(/,? with args beginning with:.*/s, '')
}
