"""What the tests do not hold on PyPy: there `ssl` is another one, and nothing is freed at once.

A function of the tests, or one of its cases, and why. Where PyPy's own `ssl` answers otherwise than
CPython's, pytls answers as CPython's; a fault of pytls there is marked as one, and so is told when
it is gone.
"""

from __future__ import annotations

import pytest

OTHER_SSL = "PyPy's own ssl answers otherwise"
OTHER_TEXTS = "PyPy words it otherwise"
LATE = "PyPy tells of an exception, and frees what nobody has, only when it collects garbage"
ENDS = "PyPy ends the process where there is no memory left"
OWN_LIBRARIES = "PyPy's ssl has libraries of its own, opened by other means and with other files"

#: by the part of a test's id that is the same in all of its cases
SKIPPED = {
    "test_certificate.py::test_a_certificate_is_told_as_ssl_tells_it": OTHER_SSL,
    "test_certificate.py::test_a_bit_string_is_told_as_octets": OTHER_SSL,
    "test_constants.py::test_a_name_of_ssl_is_here": OTHER_SSL,
    "test_constants.py::test_an_enum_has_the_same_members_in_the_same_order": OTHER_SSL,
    "test_deprecation.py::test_it_warns_as_ssl_does": OTHER_SSL,
    "test_errors.py::test_without_ssl": OTHER_SSL,
    "test_exchange.py::test_channel_binding_is_the_same_on_both_ends[pytls-client": OTHER_SSL,
    "test_exchange.py::test_channel_binding_is_the_same_on_both_ends[pytls-server": OTHER_SSL,
    "test_large_writes.py::test_a_reset_raises_what_it_raises_in_ssl": OTHER_SSL,
    "test_object.py::test_what_came_before_a_bad_record_is_read[pytls-client": OTHER_SSL,
    "test_signatures.py": OTHER_SSL,
    "test_throwaway.py::test_the_standard_library_believes_it": OTHER_SSL,
    "test_x509.py::test_a_number_of_an_object_identifier": OTHER_SSL,
    "test_x509.py::test_a_text_of_an_object_identifier": OTHER_SSL,
    "test_windows.py": "PyPy gives a callback what the caller's prototype makes of an argument",
    "test_errors.py::test_keywords_are_refused": OTHER_TEXTS,
    "test_hostname.py": OTHER_TEXTS,
    "test_run.py::test_what_cannot_be_run[none.py]": OTHER_TEXTS,
    "test_context.py::test_a_callback_that_raises_ends_the_handshake": LATE,
    "test_context.py::test_a_context_is_collected_when_nobody_has_it": LATE,
    "test_process.py::test_exceptions_out_of_callbacks": LATE,
    "test_process.py::test_out_of_memory": ENDS,
    "test_robustness.py::test_going_on_in_an_sni_callback": LATE,
    "test_robustness.py::test_no_password_is_left": LATE,
    "test_errors.py::test_the_interpreters_modules_are_loaded_before": OWN_LIBRARIES,
    "test_layout.py::test_importing_it_brings_in_what_it_needs_and_no_more": OWN_LIBRARIES,
    "test_layout.py::test_it_starts_nothing_writes_nothing_and_asks_nobody": OWN_LIBRARIES,
    "test_loader.py::test_nothing_usable_lists_every_name": OWN_LIBRARIES,
    "test_loader.py::test_the_pair_that_is_already_loaded_may_be_chosen": OWN_LIBRARIES,
    "test_private.py::test_nothing_is_written_run_or_left_open": OWN_LIBRARIES,
    "test_private.py::test_where_no_copy_can_be_had_it_says_what_to_do": OWN_LIBRARIES,
}

#: what a callback raised, which is told during some later test
TOLD_LATE = "ignore:.*_Carrier.__del__:pytest.PytestUnraisableExceptionWarning"

SLOW = "ctypes of PyPy copies a whole buffer for each call: a large one takes seconds"

#: faults of pytls there
FAULTS = {
    "test_signals.py::test_ctrl_c_ends_a_blocked_call[sendall]": SLOW,
}

#: faults that do not show every time, so that no test can tell when they are gone
NOW_AND_THEN = {
    "test_process.py::test_a_child_waits_for_no_thread_of_its_parent": SLOW,
    "test_waiting.py::test_a_call_ends_after_its_timeout[*-sendall]": SLOW,
    "test_waiting.py::test_a_call_ends_after_its_timeout[*-write]": SLOW,
    "test_process.py::test_the_interpreter_exits[busy]": "PyPy may end by a signal where daemon "
    "threads are within OpenSSL",
}


def mark(items: list[pytest.Item]) -> None:
    """Mark what is in the tables."""
    for item in items:
        item.add_marker(pytest.mark.filterwarnings(TOLD_LATE))
        name = item.nodeid.rpartition("/")[2]
        for skipped, reason in SKIPPED.items():
            if name.startswith(skipped):
                item.add_marker(pytest.mark.skip(reason=reason))
        for faults, strict in (FAULTS, True), (NOW_AND_THEN, False):
            for fault, reason in faults.items():
                head, _, tail = fault.partition("*")
                if name.startswith(head) and name.endswith(tail):
                    item.add_marker(pytest.mark.xfail(reason=reason, strict=strict))
