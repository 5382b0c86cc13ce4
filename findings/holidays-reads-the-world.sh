#!/usr/bin/env bash
# holidays looks each country up by its own module, but the package that these are in imports all of them.
#
# Seen on 30 November 2026: holidays 0.109, Python 3.11. `country_holidays("NL")` imports holidays.countries.netherlands, and Python
# imports the package first, whose `__init__` names every country: 250 modules, half of the time and of the memory of the look-up.
# With an empty package in its place the same days are found, in each country and each part of one.
#
# Whom it concerns: short-lived programs, and services that count their memory.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet holidays==0.109
cat > "$work/look.py" <<'PY'
import sys
from importlib.util import find_spec, module_from_spec

if sys.argv[1] == "alone":
    spec = find_spec("holidays.countries")
    sys.modules[spec.name] = module_from_spec(spec)
import holidays

holidays.country_holidays("NL", years=2027)
print(sum(name.startswith("holidays.countries.") for name in sys.modules))
for country, parts in sorted(holidays.list_supported_countries().items()):
    for part in (None, *parts):
        days = holidays.country_holidays(country, subdiv=part, years=(2026, 2027))
        print(country, part, *sorted(f"{day}" for day in days))
PY
"$work/venv/bin/python" "$work/look.py" whole > "$work/whole"
"$work/venv/bin/python" "$work/look.py" alone > "$work/alone"
echo "modules of countries that one look-up imports: $(head -n 1 "$work/whole"), and with an empty package: $(head -n 1 "$work/alone")"
test "$(head -n 1 "$work/whole")" -gt 200
test "$(head -n 1 "$work/alone")" -eq 1
diff <(tail -n +2 "$work/whole") <(tail -n +2 "$work/alone")
