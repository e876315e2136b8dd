################################################################################
# Bake: Packer's build instance, and what becomes of it until the image is finished, by the name "packer NAME …"
################################################################################

locals {
  ec2       = "${local.arn}:ec2:${var.region}:${local.account_id}"
  ec2_image = "${local.arn}:ec2:${var.region}::image/*"
  snapshots = "${local.arn}:ec2:${var.region}::snapshot/*"
  # As in packer/aws/source.pkr.hcl.
  unfinished = "packer ${local.service} *"
  # As in scripts/lib/provenance/kept.ts.
  statements = "${local.arn}:ssm:${var.region}:${local.account_id}:parameter/${local.service}/provenance/ami-*"
}

data "aws_subnet" "bake" {
  count = var.bake_subnet_id == null ? 0 : 1

  id = var.bake_subnet_id
}

data "aws_vpc" "bake" {
  default = var.bake_subnet_id == null ? true : null
  id      = one(data.aws_subnet.bake[*].vpc_id)
}

data "aws_iam_policy_document" "bake" {
  # checkov:skip=CKV_AWS_356:describe actions cannot be restricted to a resource
  # checkov:skip=CKV_AWS_111:the builder's resources have no id before they are created; later changes are restricted by tag
  statement {
    sid = "Describe"

    actions = [
      "ec2:DescribeImages",
      "ec2:DescribeInstanceStatus",
      "ec2:DescribeInstanceTypeOfferings",
      "ec2:DescribeInstances",
      "ec2:DescribeRegions",
      "ec2:DescribeSecurityGroups",
      "ec2:DescribeSnapshots",
      "ec2:DescribeSubnets",
      "ec2:DescribeTags",
      "ec2:DescribeVolumes",
      "ec2:DescribeVpcs",
    ]

    resources = ["*"]
  }

  statement {
    sid       = "SourceImage"
    actions   = ["ssm:GetParameter"]
    resources = ["${local.arn}:ssm:${var.region}::parameter/aws/service/ami-amazon-linux-latest/*"]
  }

  # To say which packages differ from those of the image before.
  statement {
    sid       = "ComparePackages"
    actions   = ["ssm:GetParameter"]
    resources = ["${local.statements}/packages"]
  }

  statement {
    sid       = "MakeKeyAndGroup"
    actions   = ["ec2:CreateKeyPair", "ec2:CreateSecurityGroup"]
    resources = ["${local.ec2}:key-pair/*", "${local.ec2}:security-group/*", data.aws_vpc.bake.arn]
  }

  # One of Amazon's images, under a name that this role may change and no other tag, such as those by which people reach the
  # service's instances, and with a profile that it may give, ...
  statement {
    sid       = "LaunchAmazonLinux"
    actions   = ["ec2:RunInstances"]
    resources = [local.ec2_image, local.snapshots]

    condition {
      test     = "StringEquals"
      variable = "ec2:Owner"
      values   = ["amazon"]
    }
  }

  statement {
    sid       = "LaunchBuilder"
    actions   = ["ec2:RunInstances"]
    resources = [for kind in ["instance", "volume"] : "${local.ec2}:${kind}/*"]

    condition {
      test     = "StringLike"
      variable = "aws:RequestTag/Name"
      values   = [local.unfinished]
    }

    condition {
      test     = "ForAllValues:StringEquals"
      variable = "aws:TagKeys"
      values   = ["Name"]
    }
  }

  statement {
    sid       = "LaunchWithKeyAndGroup"
    actions   = ["ec2:RunInstances"]
    resources = [for kind in ["key-pair", "security-group"] : "${local.ec2}:${kind}/*"]

    condition {
      test     = "StringLike"
      variable = "ec2:ResourceTag/Name"
      values   = [local.unfinished]
    }
  }

  # ... and only where bakes are made: never in the network of the service.
  statement {
    sid       = "LaunchInBakeNetwork"
    actions   = ["ec2:RunInstances"]
    resources = ["${local.ec2}:network-interface/*", "${local.ec2}:subnet/${coalesce(var.bake_subnet_id, "*")}"]

    condition {
      test     = "ArnEquals"
      variable = "ec2:Vpc"
      values   = [data.aws_vpc.bake.arn]
    }
  }

  # Only at creation, and only this name: it lets this role change a resource.
  statement {
    sid       = "TagAtCreation"
    actions   = ["ec2:CreateTags"]
    resources = concat([local.ec2_image, local.snapshots], [for kind in ["instance", "key-pair", "network-interface", "security-group", "volume"] : "${local.ec2}:${kind}/*"])

    condition {
      test     = "StringEquals"
      variable = "ec2:CreateAction"
      values   = ["CreateImage", "CreateKeyPair", "CreateSecurityGroup", "RunInstances"]
    }

    condition {
      test     = "StringLike"
      variable = "aws:RequestTag/Name"
      values   = [local.unfinished]
    }

    condition {
      test     = "ForAllValues:StringEquals"
      variable = "aws:TagKeys"
      values   = ["Name"]
    }
  }

  statement {
    sid = "ChangeBuilder"

    actions = [
      "ec2:CreateImage",
      "ec2:DeleteKeyPair",
      "ec2:DeleteSecurityGroup",
      "ec2:DeleteVolume",
      "ec2:StopInstances",
      "ec2:TerminateInstances",
    ]

    resources = [for kind in ["instance", "key-pair", "security-group", "volume"] : "${local.ec2}:${kind}/*"]

    condition {
      test     = "StringLike"
      variable = "ec2:ResourceTag/Name"
      values   = [local.unfinished]
    }
  }

  statement {
    sid       = "MakeImage"
    actions   = ["ec2:CreateImage"]
    resources = [local.ec2_image, local.snapshots]
  }

  # Until its last tags give an image and its snapshots their final name; after a failure they are removed.
  statement {
    sid = "FinishImage"

    actions = [
      "ec2:CreateTags",
      "ec2:DeleteSnapshot",
      "ec2:DeregisterImage",
      "ec2:EnableImageDeprecation",
    ]

    resources = [local.ec2_image, local.snapshots]

    condition {
      test     = "StringLike"
      variable = "ec2:ResourceTag/Name"
      values   = [local.unfinished]
    }
  }

  # A request changes one attribute: with neither of these keys it might be who may launch the image.
  dynamic "statement" {
    for_each = { Description = "*", ImdsSupport = "v2.0" }

    content {
      sid       = "Set${statement.key}"
      actions   = ["ec2:ModifyImageAttribute"]
      resources = [local.ec2_image]

      condition {
        test     = "StringLike"
        variable = "ec2:Attribute/${statement.key}"
        values   = [statement.value]
      }

      condition {
        test     = "StringLike"
        variable = "ec2:ResourceTag/Name"
        values   = [local.unfinished]
      }
    }
  }

  statement {
    sid       = "InstanceProfile"
    actions   = ["iam:GetInstanceProfile"]
    resources = [aws_iam_instance_profile.bake.arn]
  }

  statement {
    sid       = "InstanceRole"
    actions   = ["iam:PassRole"]
    resources = [aws_iam_role.bake.arn]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ec2.amazonaws.com"]
    }
  }

  statement {
    sid       = "TunnelToBuilder"
    actions   = ["ssm:StartSession"]
    resources = ["${local.ec2}:instance/*"]

    condition {
      test     = "StringLike"
      variable = "ssm:resourceTag/Name"
      values   = [local.unfinished]
    }
  }

  statement {
    sid       = "Tunnel"
    actions   = ["ssm:StartSession"]
    resources = ["${local.arn}:ssm:${var.region}::document/AWS-StartPortForwardingSession"]
  }

  statement {
    sid       = "OpenTunnel"
    actions   = ["ssmmessages:OpenDataChannel"]
    resources = ["${local.arn}:ssm:${var.region}:${local.account_id}:session/*"]
  }

  statement {
    sid       = "CloseTunnel"
    actions   = ["ssm:TerminateSession"]
    resources = ["${local.arn}:ssm:${var.region}:${local.account_id}:session/*"]

    condition {
      test     = "StringEquals"
      variable = "ssm:resourceTag/aws:ssmmessages:session-id"
      values   = ["$${aws:userid}"]
    }
  }

  # Once for each image: what is stated stays. A policy of the parameter could have it expire, and another stated.
  statement {
    sid       = "KeepStatement"
    actions   = ["ssm:PutParameter"]
    resources = [local.statements]

    condition {
      test     = "StringNotEquals"
      variable = "ssm:Overwrite"
      values   = ["true"]
    }

    condition {
      test     = "Null"
      variable = "ssm:Policies"
      values   = ["true"]
    }
  }
}
