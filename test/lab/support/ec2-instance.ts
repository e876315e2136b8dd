import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const AGENT = '/opt/aws/amazon-cloudwatch-agent'

/**
 * What a container of a local image lacks of an instance of Amazon Linux: path to content. For tests only, since an image
 * that is booted by hand has no metadata service to wait for.
 */
const FILES: Record<string, string> = {
  // Detection would look at the firmware, of which a container has none. The container already has its address, and no
  // locale to choose. An RSA key, for an sshd that is masked, would take a third of the time. Of the modules, those about
  // Debian are left out: they look for snaps, a boot loader, apt.
  '/etc/cloud/cloud.cfg.d/95-ec2.cfg': `datasource_list: [ Ec2 ]
network: { config: disabled }
locale: false
ssh_genkeytypes: [ ed25519, ecdsa ]
cloud_init_modules:
  [migrator, seed_random, bootcmd, write-files, growpart, resizefs, disk_setup, mounts, set_hostname, update_hostname,
   update_etc_hosts, ca-certs, rsyslog, users-groups, ssh]
cloud_config_modules: [ssh-import-id, keyboard, locale, set-passwords, ntp, timezone, disable-ec2-metadata, runcmd]
cloud_final_modules:
  [package-update-upgrade-install, write-files-deferred, scripts-vendor, scripts-per-once, scripts-per-boot,
   scripts-per-instance, scripts-user, ssh-authkey-fingerprints, keys-to-console, install-hotplug, phone-home,
   final-message, power-state-change]
`,
  // cloud-init asks for a token only where it finds itself on EC2: a container's /sys has no firmware, but can have the
  // hypervisor of a Xen instance. Not in the stage before, in which it would get itself an address by DHCP.
  '/etc/systemd/system/cloud-init.service.d/ec2.conf': `[Service]
ExecStartPre=/bin/sh -euc 'mount -o remount,rw /sys; mkdir -p /sys/hypervisor; echo ec2e1916-9099-7caf-fd21-012345abcdef >/sys/hypervisor/uuid; mount -o remount,ro /sys'
`,
  // As the real one: takes the configuration, enables the agent and starts it.
  [`${AGENT}/bin/amazon-cloudwatch-agent-ctl`]: `#!/bin/sh
set -eu
while getopts a:m:c:s option; do
  case $option in c) file=\${OPTARG#file:} ;; esac
done
install -D -m 644 "$file" ${AGENT}/etc/amazon-cloudwatch-agent.d/config
systemctl daemon-reload
systemctl enable amazon-cloudwatch-agent.service
systemctl restart amazon-cloudwatch-agent.service
`,
  // Reads the file that it is told to read, and says where the lines would go.
  [`${AGENT}/bin/start-amazon-cloudwatch-agent`]: `#!/bin/sh
set -eu
value() { sed -n "s/.*\\"$1\\": \\"\\(.*\\)\\".*/\\1/p" ${AGENT}/etc/amazon-cloudwatch-agent.d/config; }
echo "$(value file_path) goes to $(value log_group_name) $(value log_stream_name)"
exec tail --lines=+1 --follow=name --retry "$(value file_path)" >/dev/null
`,
  '/etc/systemd/system/amazon-cloudwatch-agent.service': `[Unit]
Description=Amazon CloudWatch Agent
After=network.target

[Service]
ExecStart=${AGENT}/bin/start-amazon-cloudwatch-agent
KillMode=process
Restart=on-failure
RestartSec=60s

[Install]
WantedBy=multi-user.target
`,
}

/** Writes them to \`folder\`. Returns host path to path in the container, for \`bootContainer\`. */
export function ec2Instance(folder: string): Record<string, string> {
  mkdirSync(folder, { recursive: true })
  return Object.fromEntries(
    Object.entries(FILES).map(([path, content], index) => {
      const source = join(folder, String(index))
      writeFileSync(source, content, { mode: content.startsWith('#!') ? 0o755 : 0o644 })
      return [source, path]
    }),
  )
}
