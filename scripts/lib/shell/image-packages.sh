# shellcheck shell=bash
# The Debian packages for baking and booting a local image, for need_packages.
# shellcheck disable=SC2034 # used by the scripts that source this
image_packages=(debootstrap systemd-container packer openssh-client iproute2 util-linux zstd)
