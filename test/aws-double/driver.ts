/** What the control plane wants of a machine that it launches. */
export interface LaunchOrder {
  /** EC2 instance id, `i-` and 17 hex digits. */
  id: string
  zone: string
  imageId: string
  templateId: string
  templateVersion: number
  /** Decoded user data of the launch template version, '' without any. */
  userData: string
  /** Tags of the launch template version and of the group. */
  tags: Record<string, string>
}

export type TargetState = 'initial' | 'healthy' | 'unhealthy' | 'draining' | 'unused'

/** One target as the load balancer sees it: `reason` and `description` as DescribeTargetHealth gives them. */
export interface TargetHealth {
  state: TargetState
  reason?: string
  description?: string
}

export interface CommandResult {
  /** Exit code of the document's script; 0 is success. */
  exitCode: number
  stdout: string
  stderr: string
}

/**
 * The machines and the load balancer under the control plane, which decides, while the driver acts. Every method may
 * take real time; the control plane goes on meanwhile. `alive`, `drained` and `targetHealth` are asked again and again and
 * hold up the next decision: they answer at once, with what was seen last if need be. None is called again for an
 * instance whose `terminate` resolved.
 */
export interface InstanceDriver {
  /** Resolves when the machine runs (EC2 `running`), not when it serves. A rejection is a failed launch activity. */
  launch(order: LaunchOrder): Promise<{ privateIp: string }>
  /**
   * Stops and removes the machine, and takes it from behind the load balancer where it still is; resolves when it is
   * gone. Also called for one whose launch is still under way.
   */
  terminate(id: string): Promise<void>
  /** False when the machine itself is dead (EC2 status check), whatever the service on it does. */
  alive(id: string): Promise<boolean>
  /** Puts the machine behind the load balancer, where its health checks begin. */
  register(id: string): Promise<void>
  /** Accepts no new connections; those in flight go on. */
  deregister(id: string): Promise<void>
  /** True once no connection through the load balancer is left: draining may end before the deregistration delay. */
  drained(id: string): Promise<boolean>
  /** What the load balancer's own health checks say of a registered target. */
  targetHealth(id: string): Promise<TargetHealth>
  /** Runs an SSM command document on the machine. */
  run(id: string, document: string, parameters: Record<string, string[]>): Promise<CommandResult>
}
