# Print a python3 that the suite runs on: the first argument if there is one, else the first that fits.
set -eu

fits='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'
complete='import ensurepip, venv'

for candidate in "${@:-python3}" python3.13 python3.12 python3.11; do
  if command -v "$candidate" >/dev/null && "$candidate" -c "$fits"; then
    if ! "$candidate" -c "$complete" 2>/dev/null; then
      echo "$candidate has no venv module; install it (Debian and Ubuntu: apt install python3-venv)" >&2
      exit 1
    fi
    echo "$candidate"
    exit 0
  fi
  if [ $# -gt 0 ]; then break; fi
done
found=$("${1:-python3}" --version 2>&1) || found="no ${1:-python3}"
echo "Python 3.11, 3.12 or 3.13 is needed: install one, or name it: make PYTHON=/path/to/python3. Received: $found" >&2
exit 1
