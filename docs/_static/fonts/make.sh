#!/bin/sh
# Make STIXTwoMath.woff2: the letters, signs and brackets of formulas, from the font that ziamath holds.
# sh docs/_static/fonts/make.sh  (needs pip; leaves nothing else behind)
set -eu
cd "$(dirname "$0")"
made=$(mktemp -d)
trap 'rm -r "$made"' EXIT
python3 -m pip install --quiet --no-deps --target "$made" ziamath==0.13 fonttools==4.68.0 brotli==1.2.1
PYTHONPATH=$made python3 -m fontTools.subset "$made/ziamath/fonts/STIXTwoMath-Regular.ttf" \
    --unicodes=20-7e,a0-ff,391-3f6,2010-2044,20d0-20d7,2100-214f,2190-21d5,2200-22ff,2308-230b,\
23dc-23df,27e8-27eb,2a7d-2a7e,1d434-1d467,1d49c-1d4cf,1d538-1d56b,1d6a8-1d71b \
    --layout-features=ssty --no-hinting --flavor=woff2 --output-file=STIXTwoMath.woff2
