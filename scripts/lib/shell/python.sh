# shellcheck shell=bash
# python_tool NAME VERSION: put the commands of a Python package on PATH, installed once under test/.cache.
python_tool() {
  local folder=${root:?source lib/shell/bun.sh first}/test/.cache/python/$1-$2
  if [[ ! -e $folder/.installed ]]; then
    echo "installing $1 $2" >&2
    rm -rf "$folder"
    { python3 -m venv "$folder" &&
      "$folder/bin/pip" install --quiet --disable-pip-version-check "$1==$2" &&
      touch "$folder/.installed"; } >&2 || return 2
  fi
  export PATH=$folder/bin:$PATH
}
