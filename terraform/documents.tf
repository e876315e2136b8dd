################################################################################
# Documents: everything an operator can do without a shell
################################################################################

resource "aws_ssm_document" "command" {
  for_each = toset(["status", "logs", "restart", "bundle", "checksum", "traffic", "reload", "compare"])

  name            = "${local.name}-${each.key}"
  document_type   = "Command"
  document_format = "YAML"
  target_type     = "/AWS::EC2::Instance"
  content         = file("${path.module}/documents/${each.key}.yaml")
}

resource "aws_ssm_document" "automation" {
  for_each = toset(["drain", "undrain", "replace", "discard"])

  name            = "${local.name}-${each.key}"
  document_type   = "Automation"
  document_format = "YAML"

  content = templatefile("${path.module}/documents/${each.key}.yaml", {
    role  = aws_iam_role.automation.arn
    group = local.name
  })
}

# Apart from those, which operators may start: going back is for whoever has the policy "rollback".
resource "aws_ssm_document" "rollback" {
  name            = "${local.name}-rollback"
  document_type   = "Automation"
  document_format = "YAML"

  content = templatefile("${path.module}/documents/rollback.yaml", {
    role     = aws_iam_role.runbook.arn
    group    = local.name
    template = aws_launch_template.main.id
  })
}

################################################################################
# Roles of the automations: what each may do
################################################################################

resource "aws_iam_role" "automation" {
  name               = "${local.name}-automation"
  assume_role_policy = data.aws_iam_policy_document.assume["ssm"].json
}

resource "aws_iam_role_policy" "automation" {
  name   = "automation"
  role   = aws_iam_role.automation.id
  policy = data.aws_iam_policy_document.automation.json
}

data "aws_iam_policy_document" "automation" {
  # checkov:skip=CKV_AWS_356:DescribeAutoScalingInstances cannot be restricted to a resource
  statement {
    sid       = "Standby"
    actions   = ["autoscaling:EnterStandby", "autoscaling:ExitStandby"]
    resources = [local.group_arn]
  }

  statement {
    sid       = "Replace"
    actions   = ["autoscaling:SetInstanceHealth", "autoscaling:TerminateInstanceInAutoScalingGroup"]
    resources = [local.group_arn]
  }

  statement {
    sid       = "Watch"
    actions   = ["autoscaling:DescribeAutoScalingInstances"]
    resources = ["*"]
  }
}

resource "aws_iam_role" "runbook" {
  name               = "${local.name}-runbook"
  assume_role_policy = data.aws_iam_policy_document.assume["ssm"].json
}

resource "aws_iam_role_policy" "runbook" {
  name   = "runbook"
  role   = aws_iam_role.runbook.id
  policy = module.rollout_policy.launch_json
}
