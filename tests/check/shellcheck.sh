#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Runs shellcheck on every file that begins with #!/bin/sh or #!/bin/bash.
cd "$(dirname "$0")/../.." || exit 1
command -v shellcheck >/dev/null || { echo "shellcheck is not installed"; exit 77; }
scripts=()
while read -r file; do
	case "$(head -c 64 "$file" | tr -d '\0' | head -n 1)" in
	'#!/bin/sh'* | '#!/bin/bash'*) scripts+=("$file") ;;
	esac
done < <(tests/check/files.sh)
[ ${#scripts[@]} -gt 0 ] || { echo "not one script was found"; exit 1; }
printf '%s\n' "${scripts[@]}"
printf '%s\0' "${scripts[@]}" |
	xargs -0 -n 6 -P "$(nproc)" shellcheck --severity=info --external-sources --source-path=SCRIPTDIR
