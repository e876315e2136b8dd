/** Lets `width` proceed at a time: of those that wait, the one that is expected to take longest. */
export function turns(width: number): (expected: number) => Promise<Disposable> {
  let free = width
  const waiting: { expected: number; go: () => void }[] = []
  const end = () => {
    waiting.sort((one, other) => other.expected - one.expected)
    const next = waiting.shift()
    if (next) next.go()
    else free++
  }
  return async (expected) => {
    if (free > 0) free--
    else await new Promise<void>((go) => waiting.push({ expected, go }))
    return { [Symbol.dispose]: end }
  }
}
