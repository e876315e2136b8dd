import type { Need } from './needs.ts'

export interface Part {
  proves: string
  /** Seconds on two cores, with everything installed. */
  seconds: number
  /** What each of its files needs. */
  needs?: Need[]
  /** What some of its files need besides, by their name. */
  also?: Record<string, Need[]>
  /** Its files, where they are not those of the folder test/…/PART. */
  files?: string[]
  /** Run by default: all of it, or these files. */
  byDefault?: true | string[]
  /** Its files are small: one process runs them all. */
  together?: true
  /** Its files measure, or use names or ports of the machine: nothing else runs beside one. */
  alone?: true
  /** For its tests; in a run by default, with `briefly` besides. */
  environment?: Record<string, string>
  briefly?: Record<string, string>
}

/** In the order of --help; `check` is scripts/check. */
export const PARTS: Record<string, Part> = {
  check: {
    proves: 'formatting, lint, order of imports, types, shellcheck',
    seconds: 10,
    needs: ['shellcheck'],
    byDefault: true,
  },
  unit: {
    proves: 'the domain, configuration, the command line; the decisions of a rollout',
    seconds: 10,
    needs: ['openssl'],
    together: true,
    byDefault: true,
  },
  http: {
    proves: 'the API, and that it answers schemathesis as its OpenAPI document says',
    seconds: 30,
    also: { fuzz: ['schemathesis', 'executable'] },
    byDefault: true,
  },
  store: {
    proves: 'one contract for SQLite and every kind of Redis; a cluster that moves and fails',
    seconds: 50,
    needs: ['redis'],
    also: { valkey: ['valkey'] },
    byDefault: true,
  },
  binary: {
    proves: 'the executable: start, contract, durability, outages, stops, abuse, discovery',
    seconds: 200,
    needs: ['executable'],
    also: {
      backup: ['redis'],
      cli: ['git'],
      discovery: ['redis', 'etcd'],
      durability: ['redis'],
      journal: ['root', 'systemd', 'python'],
      listeners: ['redis'],
      machine: ['openssl'],
      outage: ['redis'],
      requests: ['haproxy'],
      rotation: ['redis'],
      transfer: ['redis'],
      systemd: ['python'],
    },
    byDefault: ['cli', 'stop', 'outage'],
  },
  scripts: {
    proves:
      'start, check and test in a clone; the bill of materials; what is baked, as far as text shows it',
    seconds: 60,
    needs: ['git', 'curl'],
    also: { 'command-line': ['zsh'], sbom: ['executable'], packer: ['packer'], units: ['systemd'] },
  },
  arm64: {
    proves: 'the arm64 executable, emulated: HTTP, durability, stops, its bill of materials',
    seconds: 160,
    needs: ['qemu', 'redis', 'python', 'schemathesis', 'arm64 executable'],
    files: [
      'scripts/sbom',
      'binary/listeners',
      'binary/abuse',
      'binary/durability',
      'binary/stop',
      'http/fuzz',
    ],
    environment: { TEST_ARCH: 'arm64' },
  },
  browser: {
    proves: 'the pages, in Chromium',
    seconds: 15,
    needs: ['chromium', 'executable'],
  },
  bench: {
    proves: "the benchmark's own code; it measures nothing",
    seconds: 40,
    needs: ['go', 'wrk', 'redis', 'executable', 'cores'],
    alone: true,
  },
  terraform: {
    proves: 'the root modules, applied to an emulated AWS; user data; roles',
    seconds: 250,
    needs: ['terraform', 'git', 'python', 'ministack'],
    also: {
      instance: ['systemd', 'shellcheck', 'go'],
      lint: ['checkov', 'tflint'],
      store: ['redis'],
    },
  },
  deploy: {
    proves: 'bump, deploy, rollout, verify, operations, doctor, smoke, against a double of AWS',
    seconds: 400,
    needs: ['git', 'roles'],
    also: {
      deploy: ['terraform', 'pgrep'],
      'doctor-plan': ['terraform'],
      drill: ['redis', 'executable'],
      ami: ['ministack'],
      compat: ['redis', 'executable'],
      gc: ['ministack'],
      permissions: ['terraform'],
      'rollout-emulator': ['ministack'],
      rotate: ['redis', 'executable', 'curl'],
      secrets: ['ministack'],
      smoke: ['curl', 'jq'],
    },
    byDefault: true,
  },
  simulation: {
    proves: 'thousands of rollouts on a virtual clock keep every promise',
    seconds: 30,
    byDefault: true,
    briefly: { SIMULATION_EPISODES: '1000' },
  },
  mutants: {
    proves:
      'that the fast tests notice mistakes: a sample of those a generator makes of what decides',
    seconds: 90,
    needs: ['git'],
  },
  workflows: {
    proves: 'the GitHub workflows',
    seconds: 10,
    needs: ['git', 'jq', 'shellcheck', 'actionlint'],
  },
  image: {
    proves: 'an image that is baked, booted and broken',
    seconds: 250,
    needs: ['root', 'image', 'git', 'curl', 'jq', 'redis', 'shellcheck', 'executable'],
    also: { 'user-data': ['terraform'] },
    alone: true,
  },
  rehearsal: {
    proves: 'rollouts of real instances under load drop no request',
    seconds: 700,
    needs: [
      'root',
      'terraform',
      'go',
      'image',
      'haproxy',
      'redis',
      'git',
      'curl',
      'jq',
      'chromium',
      'executable',
    ],
    alone: true,
  },
  adopt: {
    proves: 'a clone under another name, with another domain, passes what knows them, and is baked',
    seconds: 330,
    needs: [
      ...(['git', 'terraform', 'image', 'redis', 'systemd', 'shellcheck'] as const),
      ...(['schemathesis', 'ministack'] as const),
    ],
  },
  bare: {
    proves: 'scripts/start and scripts/test on a bare Debian',
    seconds: 120,
    needs: ['root', 'debootstrap', 'git'],
  },
}
