import { HOST_ADDRESS } from '../names.ts'

/** How long clients may keep an answer, in seconds: a tenth of what an ALB says, as other waits here. */
export const TTL_SECONDS = 6

const HEADER_BYTES = 12
const TYPE_A = 1

/** A DNS server that knows a few names, and answers with all addresses of a name, another one first each time. */
export class Names {
  private readonly addresses = new Map<string, string[]>()
  private turn = 0

  async start(): Promise<void> {
    await Bun.udpSocket({
      hostname: HOST_ADDRESS,
      port: 53,
      socket: {
        data: (socket, query, port, address) => {
          socket.send(this.answer(Buffer.from(query)), port, address)
        },
        // Somebody exited without waiting for the answer.
        error() {},
      },
    })
  }

  set(name: string, addresses: string[]): void {
    this.addresses.set(name, addresses)
  }

  /** RFC 1035, section 4: the question again, and one A record for each address. */
  private answer(query: Buffer): Buffer {
    const labels: string[] = []
    let at = HEADER_BYTES
    for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
      labels.push(query.toString('latin1', at + 1, at + 1 + length))
      at += 1 + length
    }
    const question = query.subarray(HEADER_BYTES, at + 5)
    const known = this.addresses.get(labels.join('.').toLowerCase())
    const all = query.readUInt16BE(at + 1) === TYPE_A ? (known ?? []) : []
    const first = all.length > 0 ? this.turn++ % all.length : 0
    const records = [...all.slice(first), ...all.slice(0, first)].map(recordOf)
    const header = Buffer.alloc(HEADER_BYTES)
    query.copy(header, 0, 0, 2)
    // A response, authoritative; NXDOMAIN for a name it does not know.
    header.writeUInt16BE(known ? 0x8580 : 0x8583, 2)
    header.writeUInt16BE(1, 4)
    header.writeUInt16BE(records.length, 6)
    return Buffer.concat([header, question, ...records])
  }
}

function recordOf(address: string): Buffer {
  const record = Buffer.alloc(16)
  // Its name is the question's, at the first byte after the header.
  record.writeUInt16BE(0xc000 | HEADER_BYTES, 0)
  record.writeUInt16BE(TYPE_A, 2)
  record.writeUInt16BE(1, 4)
  record.writeUInt32BE(TTL_SECONDS, 6)
  record.writeUInt16BE(4, 10)
  record.set(address.split('.').map(Number), 12)
  return record
}
