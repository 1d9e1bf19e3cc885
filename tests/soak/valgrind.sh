#!/bin/sh
# tests/soak/valgrind.sh [pytest's arguments]: part of the suite, or what is named, under memcheck.
#
# Exit status 9 when memory is used that is not there, or not set; valgrind.supp has what is not
# ours. PYTHON names the interpreter. Slow: seconds become minutes.
set -eu
cd "$(dirname "$0")/../.."
export PYTHONMALLOC=malloc OPENSSL_CONF=/dev/null
if [ $# = 0 ]; then
    # Without those of hypothesis, which would take all day
    set -- tests/test_bio.py tests/test_certificate.py tests/test_session.py tests/test_object.py \
        -k "not mutated"
fi
# Not a shim, which valgrind would look at in its place
python=$("${PYTHON:-python3}" -c "import sys; print(sys.executable)")
exec valgrind --quiet --error-exitcode=9 --num-callers=20 \
    --suppressions=tests/soak/valgrind.supp \
    "$python" -m pytest -q -p no:cacheprovider -o faulthandler_timeout=0 "$@"
