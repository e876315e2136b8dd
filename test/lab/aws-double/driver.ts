/** What the control plane orders when it launches a machine. */
export interface LaunchOrder {
  /** EC2 instance id, `i-` and 17 hex digits. */
  id: string
  zone: string
  imageId: string
  templateId: string
  templateVersion: number
  /** Decoded user data of the launch template version, '' if there is none. */
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
 * take real time; the control plane continues meanwhile. `alive`, `drained` and `targetHealth` are polled and delay the
 * next decision: they return at once, with the last known state if necessary. None is called again for an instance whose
 * `terminate` resolved.
 */
export interface InstanceDriver {
  /** Resolves when the machine runs (EC2 `running`), not when it serves. A rejection is a failed launch activity. */
  launch(order: LaunchOrder): Promise<{ privateIp: string }>
  /**
   * Stops and removes the machine, and deregisters it from the load balancer if necessary; resolves when it is gone. Also
   * called while its launch is still in progress.
   */
  terminate(id: string): Promise<void>
  /** False when the machine itself is dead (EC2 status check), whatever the service on it does. */
  alive(id: string): Promise<boolean>
  /** Registers the machine with the load balancer, which starts its health checks. */
  register(id: string): Promise<void>
  /** Stops new connections; those in flight continue. */
  deregister(id: string): Promise<void>
  /** True once no connection through the load balancer is left: draining may end before the deregistration delay. */
  drained(id: string): Promise<boolean>
  /** What the load balancer's own health checks say about a registered target. */
  targetHealth(id: string): Promise<TargetHealth>
  /** Runs an SSM command document on the machine. */
  run(id: string, document: string, parameters: Record<string, string[]>): Promise<CommandResult>
}
