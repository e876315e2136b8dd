# shellcheck shell=bash
# What baking and booting a local image takes of Debian's packages, for need_packages.
# shellcheck disable=SC2034 # used by those who source this
image_packages=(debootstrap systemd-container packer openssh-client iproute2 util-linux zstd)
