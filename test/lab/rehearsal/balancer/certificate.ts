import { join } from 'node:path'
import { $ } from 'bun'

/** Certificate and key of a load balancer, self-signed, for its name and its addresses. Returns the path of both. */
export async function makeCertificate(
  folder: string,
  name: string,
  addresses: string[],
): Promise<string> {
  const path = join(folder, `${name}.pem`)
  const subjects = [`DNS:${name}`, ...addresses.map((address) => `IP:${address}`)].join()
  await $`openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=${name} -addext subjectAltName=${subjects} -keyout ${path} -out ${path}.crt`.quiet()
  const certificate = await Bun.file(`${path}.crt`).text()
  await Bun.write(path, certificate + (await Bun.file(path).text()))
  return path
}
